import { readdir } from "node:fs/promises";
import { parse as parseSdl, print } from "graphql";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parse, stringify } from "yaml";
import { contentHash } from "../../../../src/cli/adopt/content.ts";
import { copyProject, ordersDir, type ProjectCopy } from "../../../support/adopted-project.ts";

let copy: ProjectCopy;

beforeEach(async () => {
  copy = await copyProject(ordersDir);
  expect((await copy.adopt({ tenant: { schema: "public", name: "shops" } })).faults).toEqual([]);
});

afterEach(() => copy.remove());

const metadataFiles = async (): Promise<readonly string[]> =>
  (await readdir(copy.path("metadata"), { recursive: true }))
    .filter((name) => /\.(?:yaml|graphql)$/u.test(name))
    .map((name) => `metadata/${name}`)
    .sort();

/** Lists in another order, keys sorted, empty keys added or left out, descriptions gone: what an export makes of the folder. */
const rewrite = (text: string): string => {
  const value: unknown = parse(text);
  const sorted = Array.isArray(value) ? value.toReversed() : value;
  return stringify(sorted, {
    sortMapEntries: true,
    defaultStringType: "QUOTE_SINGLE",
    lineWidth: 0,
    indentSeq: false,
  });
};

const exportMetadata = async (): Promise<void> => {
  for (const path of await metadataFiles()) {
    const text = await copy.read(path);
    const isSdl = path.endsWith(".graphql");
    const plain = text.replace(/ {2}"""[\s\S]*?"""\n/gu, "");
    await copy.write(path, isSdl ? print(parseSdl(plain)) : rewrite(text));
  }
};

/** What each file says; an SDL as its sorted definitions. */
const contents = async (project: ProjectCopy, paths: readonly string[]): Promise<readonly string[]> =>
  Promise.all(
    paths.map(async (path) => {
      const text = await project.read(path);
      if (path.endsWith(".graphql")) return `${path} ${print(parseSdl(text))}`;
      const value: unknown = parse(text);
      return `${path} ${contentHash(Array.isArray(value) ? value.map(contentHash).sort() : value)}`;
    }),
  );

describe("metadata that was exported after the adoption", () => {
  it("is no change of the project's", async () => {
    await exportMetadata();
    expect(await copy.adopt()).toMatchObject({ action: "none", kept: [], faults: [] });
  });

  it("is upgraded like any other", async () => {
    await exportMetadata();
    const adopted = await copy.adopt({ tenantClaim: "x-hasura-shop-id" });
    expect(adopted).toMatchObject({ action: "upgrade", kept: [], faults: [] });
    for (const path of await metadataFiles())
      expect(await copy.read(path)).not.toMatch(/x-hasura-workspace-id/iu);
  });

  it("says what it said before once the product is removed", async () => {
    await exportMetadata();
    expect(await copy.adopt({ remove: "keep-history" })).toMatchObject({ kept: [], faults: [] });
    const original = await copyProject(ordersDir);
    try {
      const paths = await metadataFiles();
      expect(await contents(copy, paths)).toEqual(await contents(original, paths));
    } finally {
      await original.remove();
    }
  });
});
