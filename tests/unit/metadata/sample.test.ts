import { access, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { hasuraDir } from "../../support/database.ts";
import { readSampleManifest } from "../../support/product-series.ts";

const exists = (...path: readonly string[]): Promise<boolean> =>
  access(join(hasuraDir, ...path)).then(
    () => true,
    () => false,
  );

const sqlFiles = async (...path: readonly string[]): Promise<readonly string[]> =>
  (await readdir(join(hasuraDir, ...path), { recursive: true })).filter((name) => name.endsWith(".sql"));

describe("hasura/sample.yaml", () => {
  it("names folders and files that exist, each once", async () => {
    const { sql, hooks, migrations, metadata, seeds } = await readSampleManifest();
    const places = [
      ...sql.map((name) => ["sql", name] as const),
      ...migrations.map((name) => ["migrations/default", name] as const),
      ...metadata.map((name) => ["metadata", name] as const),
      ...seeds.map((name) => ["seeds/default", name] as const),
    ];
    for (const place of places) expect([place, await exists(...place)]).toEqual([place, true]);
    expect(new Set(places.map((place) => place.join("/"))).size).toBe(places.length);
    expect(hooks.filter((folder) => !sql.includes(folder))).toEqual([]);
  });

  it("has every tracked table and function of the schema public, and every seed", async () => {
    const { metadata, seeds } = await readSampleManifest();
    for (const kind of ["tables", "functions"]) {
      const folder = join("databases", "default", kind);
      const names = (await readdir(join(hasuraDir, "metadata", folder))).filter((name) =>
        name.startsWith("public_"),
      );
      expect(names.filter((name) => !metadata.includes(join(folder, name)))).toEqual([]);
    }
    expect((await readdir(join(hasuraDir, "seeds", "default"))).sort()).toEqual([...seeds].sort());
  });

  it("has every source that refers to a table of the sample", async () => {
    const { sql } = await readSampleManifest();
    const own = /\bpublic\.(?!workspaces\b)\w+|\bsearch_logs\b|\bchannel_activity\b/u;
    const found: string[] = [];
    for (const path of await sqlFiles("sql"))
      if (
        !sql.some((folder) => path.startsWith(`${folder}/`)) &&
        own.test(await readFile(join(hasuraDir, "sql", path), "utf8"))
      )
        found.push(path);
    expect(found).toEqual([]);
  });
});

describe("hasura/application", () => {
  it("has the default of every hook, and of nothing else", async () => {
    const { hooks } = await readSampleManifest();
    const names = (await Promise.all(hooks.map((folder) => sqlFiles("sql", folder)))).flat();
    const defaults = (await sqlFiles("application")).filter(
      (name) => name !== "member_role_without_table.sql",
    );
    expect([...defaults].sort()).toEqual(names.map((name) => basename(name)).sort());
  });

  it("has placeholders in the file of the table of members only", async () => {
    for (const name of await sqlFiles("application")) {
      const text = await readFile(join(hasuraDir, "application", name), "utf8");
      const placeholders = [...new Set([...text.matchAll(/\{\{(\w+)\}\}/gu)].map(([, key]) => key))].sort();
      expect({ name, placeholders }).toEqual({
        name,
        placeholders:
          name === "member_role.sql"
            ? ["member_role_column", "member_table", "member_tenant_column", "member_user_column"]
            : [],
      });
    }
  });
});
