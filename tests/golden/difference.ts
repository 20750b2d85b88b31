const shownLines = 12;

/** The least number of lines to skip on each side until both go on with the same two lines. */
const skips = (left: readonly string[], right: readonly string[]): readonly [number, number] => {
  for (let total = 1; total <= shownLines; total += 1) {
    for (let ofRight = 0; ofRight <= total; ofRight += 1) {
      const ofLeft = total - ofRight;
      if (left[ofLeft] === right[ofRight] && left[ofLeft + 1] === right[ofRight + 1])
        return [ofLeft, ofRight];
    }
  }
  return [shownLines, shownLines];
};

/** The line without indentation above, such as the table of a permission or the type of a field. */
const headingOf = (lines: readonly string[], at: number): string => {
  if (!/^\s/u.test(lines[at] ?? "")) return "";
  const heading = lines.slice(0, at).findLast((line) => /^\S/u.test(line));
  return heading === undefined ? "" : `, ${heading}`;
};

/**
 * Where a golden file first differs, with its line number, what it says (`-`) and what is true now (`+`); undefined
 * when they are equal. A few lines, never the whole file.
 */
export const firstDifference = (name: string, committed: string, now: string): string | undefined => {
  if (committed === now) return undefined;
  const [left, right] = [committed.split("\n"), now.split("\n")];
  let at = 0;
  while (left[at] === right[at]) at += 1;
  const [removed, added] = skips(left.slice(at), right.slice(at));
  return [
    `${name}:${String(at + 1)}${headingOf(right[at] === undefined ? left : right, at)}`,
    ...left.slice(at, at + removed).map((line) => `- ${line}`),
    ...right.slice(at, at + added).map((line) => `+ ${line}`),
  ].join("\n");
};
