import type { Random } from "./random.ts";

const tokens = [
  "{",
  "}",
  "(",
  ")",
  "[",
  "]",
  "...",
  "$",
  "@",
  ":",
  "!",
  "|",
  '"',
  '"""',
  "#",
  "\\",
  "\u0000",
  "\ufeff",
  "\ud800",
  "fragment f on f { ...f }",
];

/** One word of the document in the place of another: still a document, about something else. */
const exchanged = (text: string, random: Random): string => {
  const words = [...text.matchAll(/[$@]?\w+/g)];
  if (words.length === 0) return text;
  const from = random.pick(words);
  return text.slice(0, from.index) + random.pick(words)[0] + text.slice(from.index + from[0].length);
};

const disturbed = (text: string, random: Random): string => {
  const at = random.int(text.length + 1);
  const to = Math.min(text.length, at + random.int(12));
  const piece = random.pick([
    "",
    random.pick(tokens),
    String.fromCharCode(random.int(0x3000)),
    text.slice(at, to).repeat(2),
    text.slice(at, to).split("").reverse().join(""),
  ]);
  return text.slice(0, at) + piece + text.slice(to);
};

/** The text with one to three of its words or characters exchanged, cut, doubled or put in between. */
export const damagedText = (text: string, random: Random): string => {
  const damage = random.chance(0.6) ? exchanged : disturbed;
  let damaged = text;
  const times = 1 + random.int(3);
  for (let turn = 0; turn < times; turn += 1) damaged = damage(damaged, random);
  return damaged;
};

/** Bits are flipped below the text, so that it may be no UTF-8 any more. */
export const damagedBytes = (text: string, random: Random): Buffer => {
  const bytes = Buffer.from(text);
  const times = 1 + random.int(3);
  for (let turn = 0; turn < times && bytes.length > 0; turn += 1) {
    const at = random.int(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
  }
  return random.chance(0.2) ? bytes.subarray(0, random.int(bytes.length + 1)) : bytes;
};

const levels = 20_000;

/** Bodies that are JSON, or nearly, but no request. */
export const oddBodies: readonly string[] = [
  "",
  " ",
  "null",
  "7",
  '"{ __typename }"',
  "{}",
  "[]",
  "[[]]",
  "[null]",
  '{"query":null}',
  '{"query":7}',
  '{"query":""}',
  '{"query":"#"}',
  '{"query":["{ __typename }"]}',
  '{"query":"{ __typename }","variables":[]}',
  '{"query":"{ __typename }","variables":"{}"}',
  '{"query":"{ __typename }","variables":{"__proto__":{"a":1}}}',
  '{"query":"{ __typename }","operationName":7}',
  '{"query":"{ __typename }","operationName":""}',
  '{"query":"{ __typename }","extensions":{"persistedQuery":{"version":1}}}',
  '{"query":"query ($a: Int) { __typename }","variables":{"a":1e999999999}}',
  `{"query":"{ __typename }","variables":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}`,
  `{"query":"{ __typename }","variables":{"a":[12345678901234567890,${"[".repeat(levels)}${"]".repeat(levels)}]}}`,
  `[${'{"query":"{ __typename }"},'.repeat(200)}{"query":"{"}]`,
  '{"query":"{ __typename }"',
  '{"query":"{ __typename }"}}',
  '\ufeff{"query":"{ __typename }"}',
  "query=%7B__typename%7D",
];
