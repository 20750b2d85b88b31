import { readFile, writeFile } from "node:fs/promises";

import { isSeq, parseDocument } from "yaml";
import { z } from "zod";

import { AppError } from "../core/index.ts";

const folder = z
  .string()
  .regex(/^[^/\s]+(\/[^/\s]+)*$/u, "must be a folder below hasura/sql, without a slash at its ends");
const migration = z.string().regex(/^\d+(_\w+)?$/u, "must be the name of a migration's folder");

/** Other keys are other tools'. */
const manifestSchema = z.looseObject({
  sql: z.array(folder).default([]),
  migrations: z.array(migration).default([]),
});

/** What in `hasura/` is the sample application; everything else is the product. */
export interface SampleManifest {
  /** Folders below `hasura/sql`. */
  readonly sql: readonly string[];
  /** Names of migrations' folders. */
  readonly migrations: readonly string[];
}

/** The two series of migrations that share a Hasura project. */
export type Series = "product" | "sample";

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
};

/** Throws `invalid-manifest`, naming each value that is wrong; without the file everything is the product. */
export const readManifest = async (file: string): Promise<SampleManifest> => {
  const document = parseDocument(await readText(file));
  const [syntaxError] = document.errors;
  const content: unknown = syntaxError === undefined ? (document.toJS() ?? {}) : undefined;
  const { data, error } = manifestSchema.safeParse(content);
  if (data !== undefined) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new AppError({
    kind: "invalid-input",
    code: "invalid-manifest",
    message: `${file}: ${syntaxError === undefined ? problems.join("; ") : syntaxError.message}`,
  });
};

export const seriesOfSource = ({ sql }: SampleManifest, path: string): Series =>
  sql.some((sample) => path.startsWith(`${sample}/`)) ? "sample" : "product";

export const seriesOfMigration = ({ migrations }: SampleManifest, name: string): Series =>
  migrations.includes(name) ? "sample" : "product";

/** Notes the migrations as the sample's; comments and the rest of the file stay as they are. */
export const addSampleMigrations = async (file: string, names: readonly string[]): Promise<void> => {
  if (names.length === 0) return;
  const document = parseDocument(await readText(file));
  const present = document.get("migrations");
  if (isSeq(present)) for (const name of names) present.add(name);
  else document.set("migrations", document.createNode(names));
  await writeFile(file, document.toString());
};
