import { hasSqlDetails, loadModule, parseSync, scanSync } from "libpg-query";

/** A node of Postgres's parse tree; the parser's own types are left aside, since only a few fields are read. */
export type Node = Readonly<Record<string, unknown>>;

export interface ParsedStatement {
  /** As `CreateFunctionStmt`. */
  readonly kind: string;
  readonly node: Node;
  /** Offset in bytes of the first character behind the statement before. */
  readonly start: number;
  /** In bytes; 0 when the statement goes to the end of the text. */
  readonly length: number;
}

export class SyntaxTreeError extends Error {
  /** Offset in characters. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "SyntaxTreeError";
    this.offset = offset;
  }
}

/** Loads the parser once; everything else here needs it. */
export const loadParser = (): Promise<void> => loadModule();

const asSyntaxError = (error: unknown): unknown =>
  hasSqlDetails(error)
    ? new SyntaxTreeError(error.message, Math.max(0, error.sqlDetails?.cursorPosition ?? 0))
    : error;

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The statements of a text, by Postgres's own parser. Throws a `SyntaxTreeError`. */
export const parseStatements = (text: string): readonly ParsedStatement[] => {
  if (text.trim() === "") return [];
  try {
    return (parseSync(text).stmts ?? []).map(({ stmt, stmt_location, stmt_len }) => {
      const [entry] = Object.entries(stmt ?? {});
      return {
        kind: entry?.[0] ?? "",
        node: (entry?.[1] ?? {}) as Node,
        start: stmt_location ?? 0,
        length: stmt_len ?? 0,
      };
    });
  } catch (error) {
    throw asSyntaxError(error);
  }
};

/** The words and signs of a text without comments, by Postgres's own scanner. */
export const scanWords = (text: string): readonly string[] => {
  try {
    return scanSync(text)
      .tokens.filter(({ tokenName }) => tokenName !== "SQL_COMMENT" && tokenName !== "C_COMMENT")
      .map((token) => token.text);
  } catch (error) {
    throw asSyntaxError(error);
  }
};

/** Calls `visit` with every node below `value`, itself included. */
export const visitNodes = (value: unknown, visit: (node: Node) => void): void => {
  if (Array.isArray(value)) {
    for (const item of value) visitNodes(item, visit);
    return;
  }
  if (!isNode(value)) return;
  visit(value);
  for (const child of Object.values(value)) visitNodes(child, visit);
};

/** The strings of a list of `String` nodes, as a qualified name is stored. */
export const namesOf = (value: unknown): readonly string[] => {
  if (!Array.isArray(value)) return [];
  return (value as readonly unknown[]).flatMap((item) => {
    const text = isNode(item) && isNode(item["String"]) ? item["String"]["sval"] : undefined;
    return typeof text === "string" ? [text] : [];
  });
};
