import { AppError } from "../../core/index.ts";

/** Metadata that does not fit the database: a tracked table that is gone, a permission on an unknown column. */
export class InconsistentMetadataError extends AppError {
  /** The object at fault, such as `table public.users`. */
  readonly object: string;

  constructor(object: string, reason: string) {
    super({
      kind: "invalid-input",
      code: "inconsistent-metadata",
      message: `${object}: ${reason}`,
      context: { object },
    });
    this.name = "InconsistentMetadataError";
    this.object = object;
  }
}
