import { HasuraError } from "../errors.ts";
import { isRawList, isRawObject, NumberLiteral, numberText, type Raw, rawToJson } from "./raw.ts";

const INTEGER_BOUNDS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int2: [-32768n, 32767n],
  int4: [-2147483648n, 2147483647n],
  int8: [-9223372036854775808n, 9223372036854775807n],
};

const HASKELL_NAMES: Readonly<Record<string, string>> = {
  bool: "Bool",
  text: "Text",
  varchar: "Text",
  bpchar: "Text",
  citext: "Text",
  name: "Text",
  uuid: "UUID",
  int2: "Int16",
  int4: "Int32",
  int8: "Int64",
  float4: "Float",
  float8: "Double",
  numeric: "Scientific",
  date: "Day",
  timestamp: "LocalTime",
  timestamptz: "UTCTime",
  timetz: "ZonedTimeOfDay",
};

const EXPECTED: Readonly<Record<string, string>> = {
  bool: "Bool",
  int2: "Number",
  int4: "Number",
  int8: "Number",
  float4: "Number",
  float8: "Number",
  numeric: "Number",
};

const encountered = (value: Raw): string => {
  if (value === null) return "Null";
  if (typeof value === "boolean") return "Boolean";
  if (typeof value === "string") return "String";
  if (typeof value === "number" || value instanceof NumberLiteral) return "Number";
  return Array.isArray(value) ? "Array" : "Object";
};

const parseFailed = (message: string, path: string): HasuraError =>
  new HasuraError({ message, code: "parse-failed", path });

const decimal = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** `3.0e9`, as Hasura prints numbers in messages: every digit, and no size is too large. */
export const scientific = (text: string): string => {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = decimal.exec(text) ?? [];
  const written = `${whole}${fraction}`;
  const digits = written.replace(/^0+/, "").replace(/0+$/, "");
  if (digits === "") return "0.0";
  // Zero point digits, times ten to this.
  const power = Number(exponent) + whole.length - (written.length - written.replace(/^0+/, "").length);
  if (power < 0 || power > 7)
    return `${sign}${digits[0] ?? ""}.${digits.slice(1) || "0"}e${String(power - 1)}`;
  return `${sign}${digits.slice(0, power).padEnd(power, "0") || "0"}.${digits.slice(power) || "0"}`;
};

const integerText = (text: string, type: string, path: string): string => {
  const bounds = INTEGER_BOUNDS[type];
  if (bounds) {
    const value = Number(text);
    const whole = /^-?\d+$/.test(text) ? BigInt(text) : Number.isInteger(value) ? BigInt(value) : undefined;
    if (whole !== undefined && whole >= bounds[0] && whole <= bounds[1]) return whole.toString();
  }
  throw parseFailed(
    `The value ${scientific(text)} lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?`,
    path,
  );
};

/** A Postgres array literal; null elements are allowed only where the caller lets them through. */
export const arrayLiteral = (items: readonly (string | null)[]): string =>
  `{${items
    .map((item) => (item === null ? "NULL" : `"${item.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`))
    .join(",")}}`;

const nestedArray = (items: readonly Raw[], element: string, path: string): string =>
  `{${items
    .map((item) => {
      if (isRawList(item)) return nestedArray(item, element, path);
      const text = columnText(item, element, path);
      return text === null ? "NULL" : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    })
    .join(",")}}`;

/**
 * The text that Postgres reads as a value of `type` (a `udt` name). Strings go through untouched: Postgres decides
 * whether they fit.
 */
export const columnText = (value: Raw, type: string, path: string): string | null => {
  if (type === "json" || type === "jsonb") return rawToJson(value);
  if (value === null) return null;
  if (typeof value === "string") return value;
  if (type.startsWith("_")) {
    if (isRawList(value)) return nestedArray(value, type.slice(1), path);
    return nestedArray([value], type.slice(1), path);
  }
  if (typeof value === "number" || value instanceof NumberLiteral) {
    if (type in INTEGER_BOUNDS) return integerText(numberText(value), type, path);
    const expected = EXPECTED[type];
    // The digits of the mantissa decide the scale of the stored number: Hasura always writes one behind the point.
    if (type === "numeric") return numberText(value).replace(/^(-?\d+)(?=e)/i, "$1.0");
    // Postgres reads no exponent in money.
    if (type === "money") return String(Number(numberText(value)));
    if (expected === "Number" || HASKELL_NAMES[type] === undefined) return numberText(value);
  } else if (typeof value === "boolean") {
    if (type === "bool" || HASKELL_NAMES[type] === undefined) return String(value);
  } else if (HASKELL_NAMES[type] === undefined && (isRawObject(value) || isRawList(value))) {
    return rawToJson(value);
  }
  throw parseFailed(
    `parsing ${HASKELL_NAMES[type] ?? type} failed, expected ${EXPECTED[type] ?? "String"}, but encountered ${encountered(value)}`,
    path,
  );
};
