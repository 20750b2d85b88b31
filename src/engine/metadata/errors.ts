import { AppError } from "../../core/index.ts";

export interface MetadataErrorOptions {
  /** Path of the file inside the metadata folder; null for metadata that came as one document. */
  readonly file: string | null;
  /** Where in the file, or in the document: `select_permissions[0].permission`. */
  readonly path: string;
  /** The key at fault. */
  readonly key: string;
  readonly reason: string;
}

/** Metadata that the engine would not enforce to the letter, named by file and key. */
export class MetadataError extends AppError {
  readonly file: string | null;
  readonly path: string;
  readonly key: string;

  constructor(options: MetadataErrorOptions) {
    const place = [options.file, options.path].filter((part) => part !== null && part !== "").join(": ");
    super({
      kind: "invalid-input",
      code: "invalid-metadata",
      message: `${place === "" ? "metadata" : place}: ${options.reason}`,
      context: { file: options.file, path: options.path, key: options.key },
    });
    this.name = "MetadataError";
    this.file = options.file;
    this.path = options.path;
    this.key = options.key;
  }
}

/** `["a", 0, "b"]` as `a[0].b`. */
export const printPath = (path: readonly (string | number)[]): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${String(part)}]` : text === "" ? part : `${text}.${part}`,
    "",
  );
