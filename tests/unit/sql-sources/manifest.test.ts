import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "@jest/globals";

import { readManifest, seriesOfMigration, seriesOfSource } from "../../../src/sql-sources/index.ts";
import { addSampleMigrations } from "../../../src/sql-sources/manifest.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hasura-usage-manifest-"));
  file = join(folder, "sample.yaml");
});
afterEach(() => rm(folder, { recursive: true }));

const read = async (text: string) => {
  await writeFile(file, text);
  return readManifest(file);
};

it("counts everything to the product without a manifest, or in an empty one", async () => {
  const empty = { sql: [], migrations: [] };
  expect(await readManifest(file)).toEqual(empty);
  expect(await read("# nothing yet\n")).toEqual(empty);
});

it("tells the sample's sources by whole folders, and its migrations by their names", async () => {
  const manifest = await read("sql: [public, analytics/chat]\nmigrations: [1_create_users]\nseeds: [demo]\n");
  expect(
    ["public/users/a.sql", "analytics/chat/a.sql", "analytics/chats/a.sql", "publications/x/a.sql"].map(
      (path) => seriesOfSource(manifest, path),
    ),
  ).toEqual(["sample", "sample", "product", "product"]);
  expect(["1_create_users", "1_create_plans"].map((name) => seriesOfMigration(manifest, name))).toEqual([
    "sample",
    "product",
  ]);
});

it.each([
  ["sql: public\n", /sample.yaml: sql: .*array/iu],
  ["sql: [public/]\n", /sample.yaml: sql.0: must be a folder below hasura\/sql/u],
  ["migrations: [create_users]\n", /sample.yaml: migrations.0: must be the name of a migration's folder/u],
  ["sql: [\n", /sample.yaml: /u],
  ["- sql\n", /sample.yaml: /u],
])("names what is wrong in %j", async (text, message) => {
  await expect(read(text)).rejects.toThrow(message);
});

it("adds migrations and keeps comments and other keys", async () => {
  await read("# The sample's\nmigrations:\n  - 1_a # first\nseeds:\n  - demo\n");
  await addSampleMigrations(file, ["2_b", "3_c"]);
  expect(await readFile(file, "utf8")).toBe(
    "# The sample's\nmigrations:\n  - 1_a # first\n  - 2_b\n  - 3_c\nseeds:\n  - demo\n",
  );
});

it("makes a manifest for the first migration of a sample", async () => {
  await addSampleMigrations(file, ["2_b"]);
  expect(await readManifest(file)).toEqual({ sql: [], migrations: ["2_b"] });
});
