import { KritiError, type Span } from "./errors.ts";

export type TokenKind = "name" | "number" | "text" | "symbol" | "quote" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly span: Span;
  /** Where the token stands and where the next one may begin, as offsets. */
  readonly start: number;
  readonly stop: number;
}

type Mode = "json" | "expression" | "string";

const symbols = [
  "{{", "}}", ":=", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "?[",
  ":", ".", ",", "<", ">", "{", "}", "[", "]", "(", ")", "_", "'",
]; // prettier-ignore

const escapes: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

const unescape = (text: string): string =>
  text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code: string | undefined, one: string) =>
    code === undefined ? (escapes[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16)),
  );

/** The lines of a text by where they begin, for the positions of errors. */
const positions = (source: string): ((start: number, stop: number) => Span) => {
  const lines = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) lines.push(at + 1);
  const place = (offset: number): readonly [number, number] => {
    let line = 0;
    while (line + 1 < lines.length && (lines[line + 1] ?? 0) <= offset) line += 1;
    return [line, offset - (lines[line] ?? 0) + 1];
  };
  return (start, stop) => {
    const [startLine, startColumn] = place(start);
    const [endLine, endColumn] = place(stop);
    return { startLine, startColumn, endLine, endColumn };
  };
};

/**
 * Cuts a template into tokens. A `"` begins a text, in which `{{` begins an expression; inside an expression `}}` is its
 * end, while in plain JSON two braces close two objects.
 */
export const tokenize = (source: string): readonly Token[] => {
  const spanOf = positions(source);
  const tokens: Token[] = [];
  const modes: Mode[] = ["json"];
  let at = 0;

  const push = (kind: TokenKind, length: number, text = source.slice(at, at + length)): void => {
    tokens.push({ kind, text, span: spanOf(at, at + length), start: at, stop: at + length });
    at += length;
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };

  const inString = (): void => {
    if (source.startsWith("{{", at)) {
      push("symbol", 2);
      modes.push("expression");
    } else if (source[at] === '"') {
      push("quote", 1);
      modes.pop();
    } else {
      const found = match(/(?:\\[\s\S]|[^"\\{]|\{(?!\{))+/y);
      if (found === undefined) throw new KritiError("Parse Error", "Invalid Lexeme", spanOf(at, at + 1));
      push("text", found.length, unescape(found));
    }
  };

  const symbol = (found: string): void => {
    const expression = modes.at(-1) === "expression";
    if (found === "}}" && !expression) {
      push("symbol", 1);
      return;
    }
    if (found === "'") {
      const text = match(/'(?:\\[\s\S]|[^'\\])*'/y);
      if (text === undefined) throw new KritiError("Parse Error", "Invalid Lexeme", spanOf(at, at + 1));
      push("text", text.length, unescape(text.slice(1, -1)));
      return;
    }
    push("symbol", found.length);
    if (found === "{{") modes.push("expression");
    if (found === "}}") modes.pop();
  };

  while (at < source.length) {
    if (modes.at(-1) === "string") {
      inString();
      continue;
    }
    const skipped = match(/(?:\s|#[^\n]*)+/y);
    if (skipped !== undefined) {
      at += skipped.length;
      continue;
    }
    if (source[at] === '"') {
      push("quote", 1);
      modes.push("string");
      continue;
    }
    const number = match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) {
      push("number", number.length);
      continue;
    }
    const name = match(/\$?[A-Za-z][$\w-]*|\$/y);
    if (name !== undefined) {
      push("name", name.length);
      continue;
    }
    const found = symbols.find((text) => source.startsWith(text, at));
    if (found === undefined) {
      throw new KritiError("Parse Error", `Invalid Lexeme: "${source[at] ?? ""}"`, spanOf(at, at + 1));
    }
    symbol(found);
  }
  push("end", 0);
  return tokens;
};
