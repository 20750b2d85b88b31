import { NumberLiteral, type Raw } from "../sql/raw.ts";

/**
 * A number that a double may not hold: many digits, or an exponent of three. Only where a number can stand: the digits of a
 * uuid are a string's, and reading by hand costs ten times as much.
 */
const mayLoseDigits = /(?:^|[\s:,[])-?\d(?:[\d.]{15}|[\d.]*[eE][+-]?\d{3})/;

const exactNumber = (text: string): number | NumberLiteral => {
  const value = Number(text);
  return String(value) === text ? value : new NumberLiteral(text);
};

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Reads JSON by hand; only texts with numbers that `JSON.parse` would round come here. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Raw {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #fail(): never {
    throw new SyntaxError(`unexpected character at ${String(this.#at)}`);
  }

  #space(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #value(): Raw {
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object();
      case "[":
        return this.#list();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #number(): Raw {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return this.#fail();
    this.#at += found.length;
    return exactNumber(found);
  }

  #string(): string {
    this.#at += 1;
    let result = "";
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character < " ") return this.#fail();
      this.#at += 1;
      if (character === '"') return result;
      if (character !== "\\") {
        result += character;
        continue;
      }
      const escape = this.#text[this.#at] ?? "";
      this.#at += 1;
      if (escape === "u") {
        const code = this.#text.slice(this.#at, this.#at + 4);
        if (!/^[0-9a-fA-F]{4}$/.test(code)) return this.#fail();
        result += String.fromCharCode(Number.parseInt(code, 16));
        this.#at += 4;
      } else {
        result += escapes[escape] ?? this.#fail();
      }
    }
  }

  #list(): Raw {
    this.#at += 1;
    const items: Raw[] = [];
    if (this.#take("]")) return items;
    do items.push(this.#value());
    while (this.#take(","));
    if (!this.#take("]")) this.#fail();
    return items;
  }

  #object(): Raw {
    this.#at += 1;
    const entries: [string, Raw][] = [];
    if (this.#take("}")) return {};
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail();
      const key = this.#string();
      if (!this.#take(":")) this.#fail();
      entries.push([key, this.#value()]);
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail();
    return Object.fromEntries(entries);
  }
}

/** `JSON.parse` that keeps the digits of numbers beyond a double; throws SyntaxError as it does. */
export const parseJson = (text: string): Raw =>
  mayLoseDigits.test(text) ? new Reader(text).document() : (JSON.parse(text) as Raw);
