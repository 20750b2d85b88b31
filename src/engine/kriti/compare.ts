import { isRawList, isRawObject, NumberLiteral, numberText, type Raw } from "../json/index.ts";

const isNumber = (value: Raw): value is number | NumberLiteral =>
  typeof value === "number" || value instanceof NumberLiteral;

const compareNumbers = (left: number | NumberLiteral, right: number | NumberLiteral): number => {
  const [a, b] = [numberText(left), numberText(right)];
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return Number(a) - Number(b);
};

/** The order of kinds in which Kriti's host compares values of different ones. */
const rank = (value: Raw): number => {
  if (isNumber(value)) return 3;
  if (isRawList(value)) return 1;
  if (isRawObject(value)) return 0;
  if (typeof value === "string") return 2;
  return value === null ? 5 : 4;
};

const compareLists = (left: readonly Raw[], right: readonly Raw[]): number => {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compareValues(left[index] ?? null, right[index] ?? null);
    if (order !== 0) return order;
  }
  return left.length - right.length;
};

const flat = (value: Readonly<Record<string, Raw>>): readonly Raw[] =>
  Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat();

/** A total order over JSON; zero means equal, whatever the order of keys. */
export const compareValues = (left: Raw, right: Raw): number => {
  const kinds = rank(left) - rank(right);
  if (kinds !== 0) return kinds;
  if (isNumber(left) && isNumber(right)) return compareNumbers(left, right);
  if (isRawList(left) && isRawList(right)) return compareLists(left, right);
  if (isRawObject(left) && isRawObject(right)) return compareLists(flat(left), flat(right));
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  return Number(left) - Number(right);
};

export const equalValues = (left: Raw, right: Raw): boolean => compareValues(left, right) === 0;
