import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { registry } from "../../../actions/registry.ts";

interface Named {
  readonly name: string;
}

const read = async (file: string): Promise<unknown> =>
  parse(await readFile(`hasura/metadata/${file}`, "utf8"));
const names = (list: readonly Named[]): string[] => list.map(({ name }) => name).sort();

describe("registry", () => {
  it("has a handler for every action of the metadata, and no orphan", async () => {
    const { actions } = (await read("actions.yaml")) as { actions: readonly Named[] };
    expect(Object.keys(registry.actions).sort()).toEqual(names(actions));
  });

  it("has a handler for every cron trigger of the metadata, and no orphan", async () => {
    const triggers = (await read("cron_triggers.yaml")) as readonly Named[];
    expect(Object.keys(registry.cron).sort()).toEqual(names(triggers));
  });

  it("has a handler for every event trigger of the metadata, and no orphan", async () => {
    const folder = "databases/default/tables";
    const files = (await readdir(`hasura/metadata/${folder}`)).filter((file) => file !== "tables.yaml");
    const tables = (await Promise.all(files.map((file) => read(`${folder}/${file}`)))) as readonly {
      event_triggers?: readonly Named[];
    }[];
    expect(Object.keys(registry.events).sort()).toEqual(
      names(tables.flatMap((table) => table.event_triggers ?? [])),
    );
  });
});
