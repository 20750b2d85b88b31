/** Where the last character before `offset` that is not white space ends. */
export const endBefore = (text: string, offset: number): number => text.slice(0, offset).trimEnd().length;

/** Takes a piece out with the white space in front of it: exactly what `splice` of "\n…" behind that text put in. */
export const cutPiece = (text: string, start: number, end: number): string => {
  const from = endBefore(text, start);
  // At the head of a file the break is behind the piece.
  const to = from === 0 ? end + (/^\s*?\n/u.exec(text.slice(end))?.[0].length ?? 0) : end;
  return text.slice(0, from) + text.slice(to);
};

export const splice = (text: string, start: number, end: number, piece: string): string =>
  text.slice(0, start) + piece + text.slice(end);

/** The line breaks of the file, for what is added to it. */
export const withBreaksOf = (text: string, piece: string): string =>
  text.includes("\r\n") ? piece.replaceAll("\n", "\r\n") : piece;

export const endOfLine = (text: string, offset: number): number => {
  const found = text.slice(offset).search(/\r?\n/u);
  return found < 0 ? text.length : offset + found;
};

export const columnOf = (text: string, offset: number): number =>
  offset - (text.lastIndexOf("\n", offset - 1) + 1);
