/** One use of a variable in a compose value. */
interface VariableUse {
  readonly name: string;
  /** What stands in for an unset variable: `${NAME:-this}`. */
  readonly fallback?: string;
  /** `${NAME` or `$NAME`, as it stands in the text. */
  readonly written: string;
}

export interface Interpolation {
  /** Those inside defaults included. */
  readonly uses: readonly VariableUse[];
  /** From the first `$` on that Compose would refuse. */
  readonly malformed?: string;
}

type Part =
  | { readonly literal: string }
  | { readonly malformed: string }
  | { readonly use: VariableUse; readonly argument: readonly Part[] };

const NAMED = /^[A-Za-z_][A-Za-z0-9_]*/;

/** Defaults within defaults within …: more than anyone writes, and little enough to recurse into. */
const MAX_DEPTH = 8;

/**
 * The variables of a compose value (compose-spec, interpolation): `$NAME`, `${NAME}`, `${NAME:-default}`,
 * `${NAME-default}`, `${NAME:?error}`, `${NAME:+replacement}`, nested in defaults too; `$$` is a plain `$`.
 */
export function variablesIn(text: string): Interpolation {
  const uses: VariableUse[] = [];
  let malformed: string | undefined;
  const visit = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if ("use" in part) {
        uses.push(part.use);
        visit(part.argument);
      } else if ("malformed" in part) malformed ??= part.malformed;
    }
  };
  visit(parse(text, 0));
  return { uses, ...(malformed === undefined ? {} : { malformed }) };
}

/** The text with its variables replaced; one without a value becomes its fallback, or nothing. */
export function expandVariables(
  text: string,
  valueOf: (name: string) => string | undefined,
): string {
  const expand = (parts: readonly Part[]): string =>
    parts
      .map((part) => {
        if ("literal" in part) return part.literal;
        if ("malformed" in part) return "";
        return (
          valueOf(part.use.name) ?? (part.use.fallback === undefined ? "" : expand(part.argument))
        );
      })
      .join("");
  return expand(parse(text, 0));
}

function parse(text: string, depth: number): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const dollar = text.indexOf("$", at);
    parts.push({ literal: text.slice(at, dollar < 0 ? undefined : dollar) });
    if (dollar < 0) return parts;
    if (text[dollar + 1] === "$") {
      parts.push({ literal: "$" });
      at = dollar + 2;
      continue;
    }
    const variable = parseVariable(text, dollar, depth);
    if (variable === undefined) {
      parts.push({ malformed: text.slice(dollar, dollar + 16) });
      return parts;
    }
    parts.push(variable.part);
    at = variable.end;
  }
}

function parseVariable(
  text: string,
  dollar: number,
  depth: number,
): { readonly part: Part; readonly end: number } | undefined {
  const braced = text[dollar + 1] === "{";
  const from = dollar + (braced ? 2 : 1);
  const name = NAMED.exec(text.slice(from, from + 256))?.[0];
  if (name === undefined) return undefined;
  const written = text.slice(dollar, from + name.length);
  if (!braced) return { part: { use: { name, written }, argument: [] }, end: from + name.length };

  const end = closingBrace(text, from);
  if (end === undefined || depth >= MAX_DEPTH) return undefined;
  const body = text.slice(from + name.length, end);
  if (body === "") return { part: { use: { name, written }, argument: [] }, end: end + 1 };
  const [, operator, argument] = /^(:?[-?+])([\s\S]*)$/.exec(body) ?? [];
  if (operator === undefined || argument === undefined) return undefined;
  const fallback = operator.endsWith("-") ? { fallback: argument } : {};
  return {
    part: { use: { name, written, ...fallback }, argument: parse(argument, depth + 1) },
    end: end + 1,
  };
}

function closingBrace(text: string, from: number): number | undefined {
  let open = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "{" && text[at - 1] === "$") open += 1;
    else if (text[at] === "}") open -= 1;
    if (open === 0) return at;
  }
  return undefined;
}
