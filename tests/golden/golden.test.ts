import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";

import { collectGolden, goldenDir } from "./collect.ts";

const committed = async (): Promise<ReadonlyMap<string, string>> => {
  const entries = await readdir(goldenDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(
        async (file) =>
          [file.slice(goldenDir.length + 1).replaceAll(sep, "/"), await readFile(file, "utf8")] as const,
      ),
    ),
  );
};

/** The lines around the first difference: a whole schema in a failure would help nobody. */
const firstDifference = (expected: string, found: string): readonly [string, string] | undefined => {
  if (expected === found) return undefined;
  const [left, right] = [expected.split("\n"), found.split("\n")];
  const at = left.findIndex((line, index) => line !== right[index]);
  const from = Math.max(0, at === -1 ? left.length - 1 : at - 3);
  return [left.slice(from, from + 8).join("\n"), right.slice(from, from + 8).join("\n")];
};

/** A difference is either a mistake or wanted; then `npm run golden` writes it down, and the diff is reviewed. */
describe("golden files", () => {
  let expected: ReadonlyMap<string, string>;
  let found: ReadonlyMap<string, string>;

  beforeAll(async () => {
    expected = await committed();
    found = await collectGolden(process.env["TEST_DATABASE_URL"]);
  });

  it("are exactly those that are collected", () => {
    expect([...expected.keys()].sort()).toEqual([...found.keys()].sort());
  });

  it.each(["sdl", "operations"])("in %s hold what is true now (npm run golden)", (folder) => {
    const names = [...expected.keys()].filter((name) => name.startsWith(`${folder}/`));
    expect(names.length).toBeGreaterThan(0);
    const different = names.flatMap((name) => {
      const difference = firstDifference(expected.get(name) ?? "", found.get(name) ?? "");
      return difference === undefined ? [] : [{ name, committed: difference[0], now: difference[1] }];
    });
    expect(different).toEqual([]);
  });
});
