/** What went wrong, independent of transport; each transport maps a kind once. */
export type ErrorKind =
  | "invalid-input"
  | "unauthenticated"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "denied"
  | "unavailable"
  | "internal";

export interface AppErrorOptions {
  readonly kind: ErrorKind;
  /** Stable code that clients match on, as in `extensions.code`. */
  readonly code: string;
  /** Shown to callers: never SQL, secrets or another tenant's data. */
  readonly message: string;
  /** Extra public fields, sent beside the code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  /** For the log only. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one base error. A denial of usage is a value, not this; an outage is this. */
export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly extensions: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.kind = options.kind;
    this.code = options.code;
    this.extensions = options.extensions ?? {};
    this.context = options.context ?? {};
  }
}
