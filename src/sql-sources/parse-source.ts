import { type Reference, routineReferences, treeReferences } from "./references.ts";
import { sourceError } from "./source-error.ts";
import {
  isNode,
  namesOf,
  type Node,
  type ParsedStatement,
  parseStatements,
  SyntaxTreeError,
  visitNodes,
} from "./syntax-tree.ts";
import { typeText } from "./type-text.ts";

export interface SourceFile {
  /** Below `hasura/sql`, as `usage/gate/gate.sql`. */
  readonly path: string;
  readonly text: string;
}

/** An object that a source creates. */
export type Definition =
  | {
      readonly kind: "routine";
      readonly schema: string;
      readonly name: string;
      /** Types of the parameters that are passed in, as written. */
      readonly argumentTypes: readonly string[];
    }
  | { readonly kind: "view"; readonly schema: string; readonly name: string }
  | {
      readonly kind: "trigger";
      readonly name: string;
      /** Schema and name of the table or view. */
      readonly on: readonly [string, string];
      /** Schema and name of the function. */
      readonly calls: readonly [string, string];
    };

export interface SourceStatement {
  readonly text: string;
  /** Line of its first word in the file, from 1. */
  readonly line: number;
  /** What it creates; undefined for a comment, a grant and a revoke. */
  readonly defines: Definition | undefined;
  /** Names with their schemas of what a comment, a grant or a revoke is about; a trigger's is preceded by its table. */
  readonly concerns: readonly (readonly string[])[];
}

export interface Source extends SourceFile {
  readonly schema: string;
  readonly name: string;
  readonly statements: readonly SourceStatement[];
  /** Of other sources' objects and of anything else. */
  readonly references: readonly Reference[];
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

/** The statement without the blank lines and comments before it. */
const cut = (file: SourceFile, bytes: Buffer, { start, length }: ParsedStatement) => {
  const before = bytes.subarray(0, start).toString("utf8");
  const whole = bytes.subarray(start, length === 0 ? undefined : start + length).toString("utf8");
  const lead = /^(?:\s|--[^\n]*(?:\n|$)|\/\*.*?\*\/)*/su.exec(whole)?.[0] ?? "";
  return { text: whole.slice(lead.length).trimEnd(), line: lineAt(file.text, before.length + lead.length) };
};

const inputModes = new Set([
  "FUNC_PARAM_IN",
  "FUNC_PARAM_INOUT",
  "FUNC_PARAM_VARIADIC",
  "FUNC_PARAM_DEFAULT",
]);

const argumentTypes = (node: Node): readonly string[] => {
  const parameters = Array.isArray(node["parameters"]) ? (node["parameters"] as readonly unknown[]) : [];
  return parameters.flatMap((entry) => {
    const parameter = isNode(entry) && isNode(entry["FunctionParameter"]) ? entry["FunctionParameter"] : {};
    if (!inputModes.has(String(parameter["mode"])) || !isNode(parameter["argType"])) return [];
    return [typeText(parameter["argType"])];
  });
};

const hasBorrowedType = ({ parameters }: Node): boolean => {
  let isFound = false;
  visitNodes(parameters, ({ pct_type }) => {
    isFound ||= pct_type === true;
  });
  return isFound;
};

const relationOf = (value: unknown): readonly [string, string] => {
  const node = isNode(value) ? value : {};
  return [typeof node["schemaname"] === "string" ? node["schemaname"] : "", String(node["relname"])];
};

const creators: Readonly<Record<string, (node: Node) => Definition>> = {
  CreateFunctionStmt: (node) => {
    const names = namesOf(node["funcname"]);
    return {
      kind: "routine",
      schema: names.at(-2) ?? "",
      name: names.at(-1) ?? "",
      argumentTypes: argumentTypes(node),
    };
  },
  ViewStmt: (node) => {
    const [schema, name] = relationOf(node["view"]);
    return { kind: "view", schema, name };
  },
  CreateTrigStmt: (node) => ({
    kind: "trigger",
    name: String(node["trigname"]),
    on: relationOf(node["relation"]),
    calls: [namesOf(node["funcname"]).at(-2) ?? "", namesOf(node["funcname"]).at(-1) ?? ""],
  }),
};

const attributes = new Set(["CommentStmt", "GrantStmt"]);

/** The name of an object that a comment or a grant mentions, in whichever form the parser gives it. */
const mentioned = (value: unknown): readonly string[] => {
  if (!isNode(value)) return [];
  const { ObjectWithArgs: routine, RangeVar: relation, List: list } = value;
  if (isNode(routine)) return namesOf(routine["objname"]);
  if (isNode(relation)) return relationOf(relation);
  return isNode(list) ? namesOf(list["items"]) : [];
};

const concerns = ({ kind, node }: ParsedStatement): readonly (readonly string[])[] => {
  if (kind === "GrantStmt") {
    const objects = Array.isArray(node["objects"]) ? (node["objects"] as readonly unknown[]) : [];
    return objects.map(mentioned);
  }
  const names = mentioned(node["object"]);
  return [node["objtype"] === "OBJECT_COLUMN" ? names.slice(0, -1) : names];
};

const referencesOf = ({ kind, node }: ParsedStatement): readonly Reference[] => {
  if (kind === "CreateFunctionStmt") return routineReferences(node);
  return kind === "ViewStmt" || kind === "CreateTrigStmt" ? treeReferences(node) : [];
};

const parse = (file: SourceFile): readonly ParsedStatement[] => {
  try {
    return parseStatements(file.text);
  } catch (error) {
    if (!(error instanceof SyntaxTreeError)) throw error;
    throw sourceError({ path: file.path, line: lineAt(file.text, error.offset) }, error.message, error);
  }
};

const statementOf = (file: SourceFile, bytes: Buffer, parsed: ParsedStatement): SourceStatement => {
  const { text, line } = cut(file, bytes, parsed);
  const place = { path: file.path, line };
  if (parsed.length === 0) throw sourceError(place, "end the statement with a semicolon");
  const create = creators[parsed.kind];
  if (create === undefined) {
    if (attributes.has(parsed.kind)) return { text, line, defines: undefined, concerns: concerns(parsed) };
    throw sourceError(
      place,
      "a source holds create or replace function, procedure, view or trigger, comment on, grant and revoke; move other statements to a migration",
    );
  }
  if (parsed.node["replace"] !== true) throw sourceError(place, "write create or replace");
  if (hasBorrowedType(parsed.node))
    throw sourceError(
      place,
      "write the type of a parameter itself: %type says another once the column changes",
    );
  if (parsed.node["isconstraint"] === true)
    throw sourceError(place, "Postgres cannot replace a constraint trigger: create it in a migration");
  return { text, line, defines: create(parsed.node), concerns: [] };
};

/** Parses one file with Postgres's own parser; `loadParser` must have run. Throws `invalid-source`. */
export const parseSource = (file: SourceFile): Source => {
  const bytes = Buffer.from(file.text, "utf8");
  const parsed = parse(file);
  const statements = parsed.map((statement) => statementOf(file, bytes, statement));
  const [schema = ""] = file.path.split("/");
  const name = (file.path.split("/").at(-1) ?? "").replace(/\.sql$/u, "");
  const references = parsed.flatMap((statement) => {
    try {
      return referencesOf(statement);
    } catch (error) {
      if (!(error instanceof SyntaxTreeError)) throw error;
      // The text of a body has offsets of its own; the statement is near enough.
      throw sourceError({ path: file.path, line: cut(file, bytes, statement).line }, error.message, error);
    }
  });
  return { ...file, schema, name, statements, references };
};
