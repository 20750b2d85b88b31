/** Where the value of a member stands in the text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * `twice`: a member stands there twice. Parsers differ in which of the two they take, so what is judged here would not
 * be what is run there.
 */
export type Members = ReadonlyMap<string, Span> | "twice" | undefined;

const quote = 34;
const backslash = 92;
const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

const skipSpace = (text: string, at: number): number => {
  let index = at;
  while (isSpace(text.charCodeAt(index))) index += 1;
  return index;
};

/** Behind the closing quote of the string that opens at `at`; -1 without one. */
const endOfString = (text: string, at: number): number => {
  let index = at + 1;
  for (;;) {
    const end = text.indexOf('"', index);
    if (end === -1) return -1;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
    index = end + 1;
  }
};

/** Behind the value that begins at `at`; what is inside is not checked, only its brackets are counted. */
const endOfValue = (text: string, at: number): number => {
  if (text.charCodeAt(at) === quote) return endOfString(text, at);
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') {
      index = endOfString(text, index) - 1;
      if (index < 0) return -1;
    } else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      if (depth === 0) return index;
      depth -= 1;
      if (depth === 0) return index + 1;
    } else if (depth === 0 && (character === "," || isSpace(text.charCodeAt(index)))) return index;
  }
  return depth === 0 ? text.length : -1;
};

const keyOf = (text: string): string | undefined => {
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
};

/** The members of the object that begins at `from`, without parsing their values; undefined when there is none. */
export const readMembers = (text: string, from = 0): Members => {
  let at = skipSpace(text, from);
  if (text[at] !== "{") return undefined;
  const members = new Map<string, Span>();
  at = skipSpace(text, at + 1);
  if (text[at] === "}") return members;
  for (;;) {
    if (text.charCodeAt(at) !== quote) return undefined;
    const keyEnd = endOfString(text, at);
    const key = keyEnd === -1 ? undefined : keyOf(text.slice(at, keyEnd));
    if (key === undefined) return undefined;
    at = skipSpace(text, keyEnd);
    if (text[at] !== ":") return undefined;
    const valueAt = skipSpace(text, at + 1);
    const to = endOfValue(text, valueAt);
    if (to <= valueAt) return undefined;
    if (members.has(key)) return "twice";
    members.set(key, { from: valueAt, to });
    at = skipSpace(text, to);
    if (text[at] === "}") return members;
    if (text[at] !== ",") return undefined;
    at = skipSpace(text, at + 1);
  }
};

/** The items of the list that begins at `from`; undefined when there is none. */
export const readItems = (text: string, from = 0): readonly Span[] | undefined => {
  let at = skipSpace(text, from);
  if (text[at] !== "[") return undefined;
  const items: Span[] = [];
  at = skipSpace(text, at + 1);
  if (text[at] === "]") return items;
  for (;;) {
    const to = endOfValue(text, at);
    if (to <= at) return undefined;
    items.push({ from: at, to });
    at = skipSpace(text, to);
    if (text[at] === "]") return items;
    if (text[at] !== ",") return undefined;
    at = skipSpace(text, at + 1);
  }
};

/** A string member's value; undefined when it is none. */
export const textMember = (text: string, span: Span | undefined): string | undefined => {
  if (span === undefined || text.charCodeAt(span.from) !== quote) return undefined;
  try {
    return JSON.parse(text.slice(span.from, span.to)) as string;
  } catch {
    return undefined;
  }
};
