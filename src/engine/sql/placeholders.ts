/** Quoted names and constants, in which a `$1` is only text, or a placeholder. */
const quotedOrPlaceholder = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g;

/** The statement with every placeholder written anew; `number` counts from 1. */
export const replacePlaceholders = (text: string, write: (number: number) => string): string =>
  text.replace(quotedOrPlaceholder, (whole, number: string | undefined) =>
    number === undefined ? whole : write(Number(number)),
  );
