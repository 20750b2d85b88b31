const width = 120;

/** Items behind a label, as many a line as fit, later lines indented below the first item; no line without items. */
export const wrap = (label: string, items: readonly string[]): readonly string[] => {
  const indent = " ".repeat(label.length);
  const lines: string[] = [];
  let line = label;
  for (const [index, item] of items.entries()) {
    const last = index === items.length - 1;
    const piece = last ? item : `${item},`;
    const empty = line.length === label.length;
    if (!empty && line.length + 1 + piece.length > width) {
      lines.push(line);
      line = indent + piece;
    } else line += empty ? piece : ` ${piece}`;
    if (last) lines.push(line);
  }
  return lines;
};
