import { AppError } from "../core/index.ts";

/** Where in the sources something is wrong; `line` counts from 1. */
export interface SourcePlace {
  readonly path: string;
  readonly line?: number;
}

/** Sources are named as a reader finds them from the project's root. */
export const sqlFolder = "hasura/sql";

export const placeText = ({ path, line }: SourcePlace): string =>
  `${sqlFolder}/${path}${line === undefined ? "" : `:${String(line)}`}`;

/** A source file that cannot be used: code `invalid-source`, with file and line in the message. */
export const sourceError = (place: SourcePlace, message: string, cause?: unknown): AppError =>
  new AppError({
    kind: "invalid-input",
    code: "invalid-source",
    message: `${placeText(place)}: ${message}`,
    cause,
  });
