import { readdir, rename, rm } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { loadMetadataFolder } from "../../../../src/engine/index.ts";
import {
  copyProject,
  organisationsDir,
  organisationsOptions,
  type ProjectCopy,
} from "../../../support/adopted-project.ts";

type Shape = (copy: ProjectCopy) => Promise<string>;

const tables = "metadata/databases/default/tables";

const source = (name: string, tracked: string): string => `- name: ${name}
  kind: postgres
  configuration:
    connection_info:
      database_url:
        from_env: HASURA_GRAPHQL_DATABASE_URL
  tables: ${tracked}
`;

/** The ways in which a project may be written; each returns its folder of metadata. */
const shapes: Readonly<Record<string, Shape>> = {
  "tables written into databases.yaml": async (copy) => {
    const names = parse(await copy.read(`${tables}/tables.yaml`)) as readonly string[];
    const texts = await Promise.all(
      names.map((name) => copy.read(`${tables}/${name.replace("!include ", "")}`)),
    );
    const entries = texts.map((text) => `    - ${text.trim().replaceAll("\n", "\n      ")}\n`);
    await rm(copy.path("metadata/databases/default"), { recursive: true });
    await copy.write(
      "metadata/databases/databases.yaml",
      `${source("default", "# all of them")}${entries.join("")}# the end\n`,
    );
    return "metadata";
  },
  "nothing tracked but an empty list, and no files of actions": async (copy) => {
    await rm(copy.path("metadata/databases/default"), { recursive: true });
    for (const file of ["actions.yaml", "actions.graphql", "cron_triggers.yaml"])
      await rm(copy.path("metadata", file));
    await copy.write("metadata/databases/databases.yaml", source("default", "[]"));
    return "metadata";
  },
  "line breaks of Windows": async (copy) => {
    for (const name of await readdir(copy.path("metadata"), { recursive: true }))
      if (/\.(?:yaml|graphql)$/u.test(name))
        await copy.write(`metadata/${name}`, (await copy.read(`metadata/${name}`)).replaceAll("\n", "\r\n"));
    return "metadata";
  },
  "folders of other names": async (copy) => {
    await rename(copy.path("metadata"), copy.path("hasura-metadata"));
    await rename(copy.path("migrations"), copy.path("sql"));
    await copy.write(
      "config.yaml",
      "version: 3\nmetadata_directory: ./hasura-metadata/\nmigrations_directory: sql\n",
    );
    return "hasura-metadata";
  },
};

describe("a project with", () => {
  it.each(Object.keys(shapes))(
    "%s is adopted, and is byte for byte as before when it is not any more",
    async (name) => {
      const copy = await copyProject(organisationsDir);
      try {
        const metadata = (await shapes[name]?.(copy)) ?? "";
        const before = await copy.digest();
        expect((await copy.adopt(organisationsOptions)).faults).toEqual([]);
        const loaded = JSON.stringify(await loadMetadataFolder(copy.path(metadata)));
        for (const part of ["subscription_usage", "consumeUsage", "usage_reconcile", "UsageDecision", "gate"])
          expect(loaded).toContain(`"${part}"`);
        expect(await copy.adopt()).toMatchObject({ action: "none", kept: [], faults: [] });
        expect((await copy.adopt({ remove: "purge" })).faults).toEqual([]);
        expect(await copy.digest()).toBe(before);
      } finally {
        await copy.remove();
      }
    },
  );

  it("two databases gets all of it into the one that is named", async () => {
    const copy = await copyProject(organisationsDir);
    try {
      const file = "metadata/databases/databases.yaml";
      await copy.write(file, `${source("archive", "[]")}${await copy.read(file)}`);
      const before = await copy.digest();
      expect((await copy.adopt(organisationsOptions)).faults).toEqual([]);
      expect(await copy.read(file)).toContain(source("archive", "[]"));
      expect(await copy.adopt()).toMatchObject({ action: "none", kept: [], faults: [] });
      expect((await copy.adopt({ remove: "purge" })).faults).toEqual([]);
      expect(await copy.digest()).toBe(before);
    } finally {
      await copy.remove();
    }
  });
});
