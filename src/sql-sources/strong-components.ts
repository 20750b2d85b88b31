interface Mark {
  readonly index: number;
  lowest: number;
  isOpen: boolean;
}

/**
 * Tarjan's strongly connected components of a graph, each behind those it points to: nodes that reach each other stand
 * together. Within these rules the order of `nodes` is kept.
 */
export const components = <T>(
  nodes: readonly T[],
  targets: (node: T) => readonly T[],
): readonly (readonly T[])[] => {
  const marks = new Map<T, Mark>();
  const open: T[] = [];
  const found: (readonly T[])[] = [];
  const visit = (node: T): Mark => {
    const mark: Mark = { index: marks.size, lowest: marks.size, isOpen: true };
    marks.set(node, mark);
    open.push(node);
    for (const target of targets(node)) {
      const known = marks.get(target);
      if (known === undefined) mark.lowest = Math.min(mark.lowest, visit(target).lowest);
      else if (known.isOpen) mark.lowest = Math.min(mark.lowest, known.index);
    }
    if (mark.lowest !== mark.index) return mark;
    const component = open.splice(open.indexOf(node));
    for (const member of component) {
      const closed = marks.get(member);
      if (closed !== undefined) closed.isOpen = false;
    }
    found.push(component);
    return mark;
  };
  for (const node of nodes) if (!marks.has(node)) visit(node);
  return found;
};
