import {
  type DefinitionNode,
  type FieldDefinitionNode,
  Kind,
  parse,
  print,
  type TypeDefinitionNode,
  type TypeExtensionNode,
  visit,
} from "graphql";
import { AppError } from "../../../core/index.ts";
import { cutPiece, endBefore, splice, withBreaksOf } from "./text.ts";

/** A field of Query or Mutation (`Query.checkUsage`), or a type (`UsageDecision`). */
export interface SdlEntry {
  readonly name: string;
  readonly text: string;
  /** As graphql prints it without descriptions: neither the layout of the file nor an export of Hasura's changes it. */
  readonly content: string;
}

type Typed = TypeDefinitionNode | TypeExtensionNode;

const roots = new Set(["Query", "Mutation", "Subscription"]);

const isTyped = (node: DefinitionNode): node is Typed =>
  node.kind.endsWith("TypeDefinition") || node.kind.endsWith("TypeExtension");

const fieldsOf = (node: Typed): readonly FieldDefinitionNode[] =>
  node.kind === Kind.OBJECT_TYPE_DEFINITION || node.kind === Kind.OBJECT_TYPE_EXTENSION
    ? (node.fields ?? [])
    : [];

const typesOf = (text: string): readonly Typed[] => {
  if (text.trim() === "") return [];
  try {
    return parse(text).definitions.filter(isTyped);
  } catch (cause) {
    // A file of comments only.
    if (text.split("\n").every((line) => /^\s*(?:#.*)?$/u.test(line))) return [];
    throw new AppError({
      kind: "conflict",
      code: "adoption-refused",
      message: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "is not valid GraphQL",
      cause,
    });
  }
};

/** Hasura stores no description of an action's field, so its export has another one. */
const contentOf = (node: Typed | FieldDefinitionNode): string =>
  print(
    visit(node, {
      enter: (inner) => ("description" in inner ? { ...inner, description: undefined } : undefined),
    }),
  );

interface Located extends SdlEntry {
  readonly start: number;
  readonly end: number;
  /** The type around a field; itself for a type. */
  readonly within: Typed;
}

const locate = (text: string): readonly Located[] =>
  typesOf(text).flatMap((within) => {
    const type = within.name.value;
    const located = (name: string, node: Typed | FieldDefinitionNode): Located => {
      const [start, end] = [node.loc?.start ?? 0, node.loc?.end ?? 0];
      return { name, text: text.slice(start, end), content: contentOf(node), start, end, within };
    };
    return roots.has(type)
      ? fieldsOf(within).map((field) => located(`${type}.${field.name.value}`, field))
      : [located(type, within)];
  });

/** What a file of actions declares. */
export const readSdl = (text: string): readonly SdlEntry[] => locate(text);

const insertField = (text: string, type: string, field: string): string => {
  const into = typesOf(text).find((node) => node.name.value === type && fieldsOf(node).length > 0);
  const indented = `  ${field}`;
  if (into === undefined) return insertText(text, `type ${type} {\n${indented}\n}`);
  const brace = (into.loc?.end ?? 1) - 1;
  const end = endBefore(text, brace);
  const gap = end === brace ? "\n" : "";
  return splice(text, end, end, withBreaksOf(text, `\n${indented}${gap}`));
};

const insertText = (text: string, definition: string): string => {
  const end = endBefore(text, text.length);
  const added = withBreaksOf(text, definition);
  if (end === 0) return `${added}\n`;
  return splice(text, end, end, withBreaksOf(text, "\n\n") + added);
};

/** Adds an entry; nothing else of the text changes. */
export const insertSdl = (text: string, entry: SdlEntry): string => {
  const [type = "", field] = entry.name.split(".");
  return field === undefined ? insertText(text, entry.text) : insertField(text, type, entry.text);
};

const find = (text: string, name: string): Located | undefined =>
  locate(text).find((entry) => entry.name === name);

export const removeSdl = (text: string, name: string): string => {
  const entry = find(text, name);
  if (entry === undefined) return text;
  const isLast = name.includes(".") && fieldsOf(entry.within).length === 1;
  // A type without fields is not valid: it goes with its last one.
  return isLast
    ? cutPiece(text, entry.within.loc?.start ?? 0, entry.within.loc?.end ?? 0)
    : cutPiece(text, entry.start, entry.end);
};

export const replaceSdl = (text: string, entry: SdlEntry): string => {
  const present = find(text, entry.name);
  if (present === undefined) return text;
  return splice(text, present.start, present.end, withBreaksOf(text, entry.text));
};
