import { isRawList, isRawObject, type NumberLiteral, numberText, type Raw } from "../json/index.ts";

/** A function of one argument; what it throws becomes a function error at the place of the call. */
export type KritiFunction = (argument: Raw) => Raw;

const kindOf = (value: Raw): string => {
  if (value === null) return "Null";
  if (isRawList(value)) return "Array";
  if (isRawObject(value)) return "Object";
  if (typeof value === "string") return "String";
  return typeof value === "boolean" ? "Boolean" : "Number";
};

const expected = (what: string, value: Raw): Error =>
  new Error(`parsing ${what} failed, expected ${what}, but encountered ${kindOf(value)}`);

const onText =
  (change: (text: string) => string): KritiFunction =>
  (value) => {
    if (typeof value !== "string") throw expected("String", value);
    return change(value);
  };

const listOf = (value: Raw): readonly Raw[] => {
  if (!isRawList(value)) throw expected("Array", value);
  return value;
};

const isZero = (value: number | NumberLiteral): boolean => Number(numberText(value)) === 0;

const empty: KritiFunction = (value) => {
  if (value === null) return true;
  if (typeof value === "boolean") throw new Error("Cannot define emptiness for a boolean");
  if (typeof value === "string") return value.trim() === "";
  if (isRawList(value)) return value.length === 0;
  if (isRawObject(value)) return Object.keys(value).length === 0;
  return isZero(value);
};

const size: KritiFunction = (value) => {
  if (value === null) return 0;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string") return [...value].length;
  if (isRawList(value)) return value.length;
  return isRawObject(value) ? Object.keys(value).length : value;
};

const inverse: KritiFunction = (value) => {
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return [...value].reverse().join("");
  if (isRawList(value)) return [...value].reverse();
  if (value === null || isRawObject(value)) return value;
  if (isZero(value)) throw new Error("Ratio has zero denominator");
  return 1 / Number(numberText(value));
};

const head: KritiFunction = (value) => {
  if (typeof value === "string") {
    const [first] = value;
    if (first === undefined) throw new Error("Empty string");
    return first;
  }
  if (!isRawList(value)) throw new Error("Expected an array or string");
  if (value.length === 0) throw new Error("Empty array");
  return value[0] ?? null;
};

const tail: KritiFunction = (value) => {
  if (typeof value === "string") {
    if (value === "") throw new Error("Empty string");
    return [...value].slice(1).join("");
  }
  if (!isRawList(value)) throw new Error("Expected an array or string");
  if (value.length === 0) throw new Error("Empty array");
  return value.slice(1);
};

/** What RFC 3986 leaves unescaped, and nothing else. */
const escapeUri = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const toTitle = (text: string): string =>
  text.toLowerCase().replaceAll(/\p{L}+/gu, (word) => word.charAt(0).toUpperCase() + word.slice(1));

const fromPairs: KritiFunction = (value) =>
  Object.fromEntries(
    listOf(value).map((pair) => {
      const [key, entry, ...more] = listOf(pair);
      if (typeof key !== "string" || entry === undefined || more.length > 0) {
        throw new Error("Expected an array of shape [ [k1,v1], [k2,v2] ... ] - With String keys.");
      }
      return [key, entry];
    }),
  );

const toPairs: KritiFunction = (value) => {
  if (!isRawObject(value)) throw expected("Object", value);
  return Object.entries(value).map(([key, entry]) => [key, entry]);
};

const concat: KritiFunction = (value) => {
  const items = listOf(value);
  if (items.every(isRawList)) return items.flat();
  if (items.every((item) => typeof item === "string")) return items.join("");
  if (items.every(isRawObject)) return Object.assign({}, ...items) as Raw;
  throw new Error("Expected an array of arrays, of strings or of objects");
};

const not: KritiFunction = (value) => {
  if (typeof value !== "boolean") throw expected("Bool", value);
  return !value;
};

export const basicFunctions: Readonly<Record<string, KritiFunction>> = {
  empty,
  size,
  inverse,
  head,
  tail,
  toCaseFold: onText((text) => text.toLowerCase()),
  toLower: onText((text) => text.toLowerCase()),
  toUpper: onText((text) => text.toUpperCase()),
  toTitle: onText(toTitle),
  escapeUri: onText(escapeUri),
  fromPairs,
  toPairs,
  removeNulls: (value) => listOf(value).filter((item) => item !== null),
  concat,
  not,
};
