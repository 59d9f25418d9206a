import { type Alias, type Document, isAlias, isMap, isScalar, isSeq } from "yaml";

export const ENDLESS_ALIAS = "this alias stands inside what it stands for, which never ends";

/** The first alias that stands inside what it stands for: written out, it would never end. */
export function endlessAlias(document: Document.Parsed): Alias | undefined {
  // An anchor that is set anew stands for the newer node from there on (YAML 1.2.2, 7.1).
  const anchors = new Map<string, unknown>();
  /** Where the way down stands now. */
  const inside = new Set<unknown>();
  const ahead: { readonly node: unknown; readonly left: boolean }[] = [];
  const enter = (node: unknown): void => void ahead.push({ node, left: false });
  enter(document.contents);
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    const { node, left } = next;
    if (left) {
      inside.delete(node);
      continue;
    }
    if (isAlias(node)) {
      if (inside.has(anchors.get(node.source))) return node;
      continue;
    }
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) {
      anchors.set(node.anchor, node);
    }
    if (!isMap(node) && !isSeq(node)) continue;
    inside.add(node);
    ahead.push({ node, left: true });
    // The last goes onto the stack first, so that anchors are met in the order of the text.
    if (isSeq(node)) node.items.toReversed().forEach(enter);
    else {
      for (const { key, value } of node.items.toReversed()) {
        enter(value);
        enter(key);
      }
    }
  }
  return undefined;
}
