/** Values at paths, where a whole folder can be taken away at once. */
export class PathTree<Value> {
  readonly #root: Node<Value> = { children: new Map() };

  get(path: string): Value | undefined {
    return this.#find(path)?.value;
  }

  set(path: string, value: Value): void {
    let node = this.#root;
    for (const part of path.split("/")) {
      let child = node.children.get(part);
      if (child === undefined) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }

  /** Takes away what is at the path itself, and leaves what is below it. */
  clear(path: string): void {
    const node = this.#find(path);
    if (node !== undefined) delete node.value;
  }

  /** Takes away the path and all below it. */
  remove(path: string): void {
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? this.#root : this.#find(path.slice(0, slash));
    parent?.children.delete(path.slice(slash + 1));
  }

  /** Takes away all below a path; the empty path is the root. */
  empty(path: string): void {
    (path === "" ? this.#root : this.#find(path))?.children.clear();
  }

  *values(): Generator<Value, void, void> {
    const stack: Node<Value>[] = [this.#root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.value !== undefined) yield node.value;
      stack.push(...node.children.values());
    }
  }

  #find(path: string): Node<Value> | undefined {
    let node: Node<Value> | undefined = this.#root;
    for (const part of path.split("/")) node = node?.children.get(part);
    return node;
  }
}

interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  value?: Value;
}
