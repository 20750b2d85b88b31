import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { readMigrations, readSeeds } from "../../../src/postgres/hasura-folder.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hasura-usage-folder-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const put = async (...path: readonly string[]): Promise<void> => {
  const file = join(folder, ...path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, "select 1;");
};

describe("readMigrations", () => {
  it("is empty without a folder", async () => {
    expect(await readMigrations(join(folder, "none"))).toEqual([]);
    expect(await readSeeds(join(folder, "none"))).toEqual([]);
  });

  it("orders by number, not by text, and passes over what is no migration", async () => {
    await put("default", "100_c", "up.sql");
    await put("default", "20_b", "up.sql");
    await put("default", "20_b", "down.sql");
    await put("default", "3", "up.sql");
    await put("default", "README.md");
    await mkdir(join(folder, "default", "200_empty"));
    const migrations = await readMigrations(folder);
    expect(migrations.map(({ name }) => name)).toEqual(["3", "20_b", "100_c"]);
    expect(migrations.map(({ down }) => down)).toEqual([undefined, "select 1;", undefined]);
    expect(await readMigrations(join(folder, "default"))).toEqual(migrations);
  });

  it("refuses a folder with only a way back, and a number used twice", async () => {
    await put("1_back", "down.sql");
    await expect(readMigrations(folder)).rejects.toMatchObject({ code: "migration-missing" });
    await put("1_back", "up.sql");
    await put("01_again", "up.sql");
    await expect(readMigrations(folder)).rejects.toMatchObject({
      code: "migration-duplicate",
      message: expect.stringMatching(/1_back.*01_again|01_again.*1_back/),
    });
  });
});

describe("the folder of a database", () => {
  it("may have any name when it is the only one, and must be named among several", async () => {
    await put("shop", "1_a", "up.sql");
    await put("README.md");
    expect((await readMigrations(folder)).map(({ name }) => name)).toEqual(["1_a"]);
    await put("stock", "1_b", "up.sql");
    await expect(readMigrations(folder)).rejects.toMatchObject({
      code: "several-databases",
      message: expect.stringContaining("(shop, stock)"),
    });
    expect((await readMigrations(join(folder, "stock"))).map(({ name }) => name)).toEqual(["1_b"]);
  });
});

describe("readSeeds", () => {
  it("orders by name and takes only SQL", async () => {
    await put("default", "2_b.sql");
    await put("default", "1_a.sql");
    await put("default", "notes.txt");
    expect((await readSeeds(folder)).map(({ name }) => name)).toEqual(["1_a.sql", "2_b.sql"]);
  });
});
