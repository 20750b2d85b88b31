import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";

import { collectGolden, goldenDir } from "./collect.ts";
import { firstDifference } from "./difference.ts";

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

  it.each(["permissions.txt", "surface.txt", "schema.graphql", "operations/"])(
    "in %s say what is true",
    (start) => {
      const names = [...expected.keys()].filter((name) => name.startsWith(start));
      expect(names.length).toBeGreaterThan(0);
      const differences = names.flatMap(
        (name) => firstDifference(name, expected.get(name) ?? "", found.get(name) ?? "") ?? [],
      );
      if (differences.length === 0) return;
      // Thrown, because a comparison by expect would add marks of its own in front of the lines.
      throw new Error(
        `If this is wanted, run npm run golden and review the diff.\n\n${differences.join("\n\n")}`,
      );
    },
  );
});
