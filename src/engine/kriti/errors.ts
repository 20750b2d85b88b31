/** Lines and columns count from zero and one, as Kriti counts them. */
export interface Span {
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export type KritiErrorCode =
  "Parse Error" | "Invalid Path" | "Type Error" | "Range Error" | "Function Error" | "TransformationError";

/** A template that cannot be read, or that does not fit the values it was given. */
export class KritiError extends Error {
  readonly code: KritiErrorCode;
  readonly span: Span;

  constructor(code: KritiErrorCode, message: string, span: Span) {
    super(message);
    this.name = "KritiError";
    this.code = code;
    this.span = span;
  }

  /** The form in which Hasura shows it in `internal`. */
  toJson(): Readonly<Record<string, unknown>> {
    return {
      error_code: this.code,
      message: this.message,
      source_position: {
        start_line: this.span.startLine,
        start_column: this.span.startColumn,
        end_line: this.span.endLine,
        end_column: this.span.endColumn,
      },
    };
  }
}
