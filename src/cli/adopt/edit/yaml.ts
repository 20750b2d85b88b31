import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { AppError } from "../../../core/index.ts";
import { columnOf, cutPiece, endBefore, endOfLine, splice, withBreaksOf } from "./text.ts";

/** Keys of mappings and indexes of lists, from the root of a file. */
export type YamlPath = readonly (string | number)[];

/** A place that was absent (`null`) or empty (its text behind the colon, as " []") before entries were added. */
export interface Placeholder {
  readonly at: YamlPath;
  readonly was: string | null;
}

export interface Edited {
  readonly text: string;
  readonly placeholder: Placeholder | undefined;
}

const refuse = (message: string): AppError =>
  new AppError({ kind: "conflict", code: "adoption-refused", message });

const read = (text: string): Document.Parsed => {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [error] = document.errors;
  if (error !== undefined) throw refuse(error.message.split("\n")[0] ?? "is not valid YAML");
  return document;
};

const nodeAt = (document: Document.Parsed, at: YamlPath): unknown =>
  at.length === 0 ? document.contents : document.getIn(at, true);

const isEmptyNode = (node: unknown): boolean => {
  if (node === undefined || node === null) return true;
  if (isScalar(node)) return node.value === null;
  return isCollection(node) && node.items.length === 0;
};

/** Where the text of a node ends: comments that follow are another's. */
const contentEnd = (node: unknown): number => {
  if (isCollection(node) && node.flow !== true) {
    const last = node.items.at(-1);
    if (isPair(last)) return contentEnd(isNode(last.value) ? last.value : last.key);
    if (last !== undefined) return contentEnd(last);
  }
  return isNode(node) ? (node.range?.[1] ?? 0) : 0;
};

/** A comment on the same line goes with the node. */
const pieceEnd = (text: string, node: unknown): number => {
  const end = endBefore(text, contentEnd(node));
  const lineEnd = endOfLine(text, end);
  return /^[ \t]*#/u.test(text.slice(end, lineEnd)) ? endBefore(text, lineEnd) : end;
};

const dashOf = (seq: YAMLSeq, index: number): number => {
  const token = seq.srcToken;
  if (token?.type !== "block-seq") throw refuse("is not a list in block style");
  const dash = token.items[index]?.start.find(({ type }) => type === "seq-item-ind");
  if (dash === undefined) throw refuse("is not a list in block style");
  return dash.offset;
};

const pairOf = (map: YAMLMap, key: string | number): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);

const colonEnd = (text: string, pair: Pair): number => {
  const keyEnd = isNode(pair.key) ? (pair.key.range?.[1] ?? 0) : 0;
  return text.indexOf(":", keyEnd) + 1;
};

const block = (text: string, value: unknown, indent: number): string => {
  const lines = stringify(value, { lineWidth: 0 }).trimEnd().split("\n");
  const prefix = " ".repeat(indent);
  return withBreaksOf(text, lines.map((line) => (line === "" ? line : prefix + line)).join("\n"));
};

const eol = (text: string): string => withBreaksOf(text, "\n");

const requireBlock = (node: unknown, at: YamlPath): void => {
  if (isCollection(node) && node.flow === true && node.items.length > 0)
    throw refuse(
      `${at.length === 0 ? "it" : at.join(".")} is written in braces or brackets: write it in block style, one entry a line`,
    );
};

const fillRoot = (text: string, document: Document.Parsed, value: unknown): string => {
  const node = document.contents;
  const added = block(text, value, 0);
  if (node === null || (isScalar(node) && node.value === null && node.source === "")) {
    const end = endBefore(text, text.length);
    return end === 0 ? added + eol(text) : splice(text, end, end, eol(text) + added);
  }
  const [start, end] = node.range;
  const rest = text.slice(end, endOfLine(text, end)).trim();
  return rest === ""
    ? splice(text, start, end, added)
    : splice(text, start, endOfLine(text, end), `${rest}${eol(text)}${added}`);
};

/** Puts a value where there is none yet, or an empty one. */
const fill = (text: string, at: YamlPath, value: unknown): Edited => {
  const document = read(text);
  if (at.length === 0) return { text: fillRoot(text, document, value), placeholder: undefined };
  const parentAt = at.slice(0, -1);
  const key = at.at(-1) ?? "";
  const parent = nodeAt(document, parentAt);
  if (isEmptyNode(parent)) return fill(text, parentAt, { [key]: value });
  requireBlock(parent, parentAt);
  if (!isMap(parent)) throw refuse(`${parentAt.join(".")} is not a mapping`);
  const indent = columnOf(text, parent.range?.[0] ?? 0);
  const pair = pairOf(parent, key);
  if (pair === undefined) {
    const end = pieceEnd(text, parent);
    const added = eol(text) + block(text, { [key]: value }, indent);
    return { text: splice(text, end, end, added), placeholder: { at, was: null } };
  }
  const start = colonEnd(text, pair);
  const end = Math.max(start, endBefore(text, contentEnd(pair.value)));
  const was = text.slice(start, end);
  const inline = typeof value === "string";
  const lineEnd = endOfLine(text, end);
  const comment = text.slice(end, lineEnd).trimEnd();
  const added = inline
    ? ` ${block(text, value, 0)}${comment}`
    : `${comment}${eol(text)}${block(text, value, indent + 2)}`;
  return { text: splice(text, start, lineEnd, added), placeholder: { at, was } };
};

/** The entries of a list; none where the place is absent or empty. Throws when it is something else. */
export const readItems = (text: string, at: YamlPath): readonly unknown[] => {
  const node = nodeAt(read(text), at);
  if (isEmptyNode(node)) return [];
  if (!isSeq(node)) throw refuse(`${at.join(".")} is not a list`);
  return node.toJSON() as readonly unknown[];
};

export const readValue = (text: string, at: YamlPath): unknown => {
  const document = read(text);
  return at.length === 0 ? document.toJS() : document.getIn(at);
};

/** Adds entries behind those of a list; nothing else of the text changes. */
export const insertItems = (text: string, at: YamlPath, items: readonly unknown[]): Edited => {
  if (items.length === 0) return { text, placeholder: undefined };
  const node = nodeAt(read(text), at);
  if (isEmptyNode(node)) return fill(text, at, items);
  requireBlock(node, at);
  if (!isSeq(node)) throw refuse(`${at.join(".")} is not a list`);
  const end = pieceEnd(text, node);
  const added = eol(text) + block(text, items, columnOf(text, dashOf(node, 0)));
  return { text: splice(text, end, end, added), placeholder: undefined };
};

/** Sets a key that is absent or empty to a text. */
export const insertKey = (text: string, at: YamlPath, value: string): Edited => fill(text, at, value);

const seqAt = (text: string, at: YamlPath): YAMLSeq => {
  const node = nodeAt(read(text), at);
  requireBlock(node, at);
  if (!isSeq(node)) throw refuse(`${at.join(".")} is not a list`);
  return node;
};

export const removeItem = (text: string, at: YamlPath, index: number): string => {
  const seq = seqAt(text, at);
  return cutPiece(text, dashOf(seq, index), pieceEnd(text, seq.items[index]));
};

export const replaceItem = (text: string, at: YamlPath, index: number, item: unknown): string => {
  const seq = seqAt(text, at);
  const dash = dashOf(seq, index);
  const added = block(text, [item], columnOf(text, dash)).trimStart();
  return splice(text, dash, pieceEnd(text, seq.items[index]), added);
};

const isHollow = (node: unknown): boolean =>
  isMap(node) ? node.items.every(({ value }) => isHollow(value)) : isEmptyNode(node);

/** Puts back what stood at a place before entries were added, if none is left there. */
export const restorePlaceholder = (text: string, { at, was }: Placeholder): string => {
  const document = read(text);
  const parent = nodeAt(document, at.slice(0, -1));
  const pair = isMap(parent) ? pairOf(parent, at.at(-1) ?? "") : undefined;
  if (pair === undefined || !isHollow(pair.value)) return text;
  const start = colonEnd(text, pair);
  const end = Math.max(start, endBefore(text, contentEnd(pair.value)));
  if (was === null) {
    const keyStart = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    return cutPiece(text, keyStart, end);
  }
  const lineEnd = endOfLine(text, start);
  const comment = lineEnd < end ? text.slice(start, lineEnd).trimEnd() : "";
  return splice(text, start, end, was + comment);
};

/** Takes a key with a text away again, and puts back what stood there. */
export const removeKey = (text: string, { at, was }: Placeholder): string => {
  const parent = nodeAt(read(text), at.slice(0, -1));
  const pair = isMap(parent) ? pairOf(parent, at.at(-1) ?? "") : undefined;
  if (pair === undefined) return text;
  const start = colonEnd(text, pair);
  const end = Math.max(start, endBefore(text, contentEnd(pair.value)));
  if (was !== null) return splice(text, start, end, was);
  const keyStart = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  return cutPiece(text, keyStart, end);
};

/** Whether nothing but comments, empty lists and empty mappings is left. */
export const isHollowText = (text: string): boolean => isHollow(read(text).contents);
