import { z } from "zod";

import type { Inconsistency } from "../consistency/index.ts";
import { HasuraError } from "../errors.ts";
import { json, readArguments } from "./arguments.ts";
import { type Draft, isEntry } from "./document.ts";

const wrapped = z.strictObject({
  metadata: json,
  allow_inconsistent_metadata: z.boolean().default(false),
  allow_warnings: z.boolean().default(true),
});

/** Documents of before Hasura 2 have no sources: their tables and functions are those of the one database. */
export const withSources = (document: unknown, present: Draft): unknown => {
  if (!isEntry(document) || Object.hasOwn(document, "sources")) return document;
  const { tables, functions, version: _version, ...rest } = document;
  const kept = present.sources.find((source) => source["name"] === "default") ?? {
    name: "default",
    kind: "postgres",
  };
  return {
    ...rest,
    version: 3,
    sources: [
      {
        name: kept["name"],
        kind: kept["kind"],
        tables: tables ?? [],
        ...(functions === undefined
          ? {}
          : {
              functions: [functions]
                .flat()
                .map((entry) =>
                  isEntry(entry) && Object.hasOwn(entry, "function") ? entry : { function: entry },
                ),
            }),
        configuration: kept["configuration"],
      },
    ],
  };
};

export interface ReplaceArguments {
  readonly document: unknown;
  readonly allowInconsistent: boolean;
  /** The second form of the arguments is answered with the inconsistencies, the first with success alone. */
  readonly detailed: boolean;
}

export const readReplace = (args: unknown): ReplaceArguments => {
  if (!isEntry(args) || !Object.hasOwn(args, "metadata")) {
    return { document: args, allowInconsistent: false, detailed: false };
  }
  const options = readArguments(wrapped, args);
  return {
    document: options.metadata,
    allowInconsistent: options.allow_inconsistent_metadata,
    detailed: true,
  };
};

export const consistencyAnswer = (inconsistencies: readonly Inconsistency[]): Record<string, unknown> => ({
  is_consistent: inconsistencies.length === 0,
  inconsistent_objects: inconsistencies,
});

/** Replacing is all or nothing unless the administrator allows what does not fit. */
export const refuseInconsistent = (inconsistencies: readonly Inconsistency[]): void => {
  if (inconsistencies.length === 0) return;
  throw new HasuraError({
    message: "cannot continue due to inconsistent metadata",
    code: "unexpected",
    path: "$.args",
    internal: inconsistencies,
  });
};
