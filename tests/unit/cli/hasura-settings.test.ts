import { existsSync, readFileSync } from "node:fs";

import { describe, expect, it } from "@jest/globals";

import {
  harmlessSettingNames,
  readSettingNames,
  refusedSettingNames,
  refuseSettings,
  unknownSettings,
} from "../../../src/cli/hasura-settings.ts";
import { readSettingTable } from "../engine/metadata/support-page.ts";

const projectRoot = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, projectRoot), "utf8");

const page = read("docs/hasura-support.md");
const table = readSettingTable(page);
/** The settings that Hasura v2.48 documents, and those of its image that applies migrations. */
const documented = read("tests/fixtures/engine/hasura-settings.txt").trim().split("\n");

const refusal = (env: Readonly<Record<string, string>>): string => {
  try {
    refuseSettings(env);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

describe("settings of Hasura", () => {
  it("all have their verdict in docs/hasura-support.md, the one that the code gives", () => {
    const verdicts = new Map([
      ...readSettingNames.map((name) => [name, "enforced"] as const),
      ...harmlessSettingNames.map((name) => [name, "harmless"] as const),
      ...refusedSettingNames.map((name) => [name, "refused"] as const),
    ]);
    expect([...table.keys()].sort()).toEqual([...documented].sort());
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(verdicts));
  });

  it("that are enforced are read by the command, and name a test that is there", () => {
    const sources = read("src/cli/settings.ts") + read("src/cli/engine.ts");
    for (const name of readSettingNames) {
      expect(sources).toContain(name);
      const proof = new RegExp(`\`${name}\` +\\| enforced +\\| \`([^\`]+)\``).exec(page)?.[1] ?? "";
      expect({ name, proof, there: existsSync(new URL(proof, projectRoot)) }).toMatchObject({ there: true });
      expect(proof).toMatch(/\.test\.ts$/);
    }
  });

  it.each(refusedSettingNames)("%s is refused by name, without its value", (name) => {
    const asking = /FETCH_(?:INTERVAL|BATCH_SIZE)$|POLL_INTERVAL$/.test(name) ? "0" : "pg-secret-value";
    const message = refusal({ [name]: asking, DATABASE_URL: "postgres://localhost:5433/app" });
    expect(message).toContain(name);
    expect(message).not.toContain("secret-value");
    expect(refusal({ [name]: "" })).toBe("");
  });

  it("are let through where they ask for what the engine does anyway", () => {
    expect(
      refusal({
        DATABASE_URL: "postgres://app:pw@127.0.0.1:5432/app",
        HASURA_GRAPHQL_DATABASE_URL: "postgres://other@localhost/app?sslmode=disable",
        HASURA_GRAPHQL_METADATA_DATABASE_URL: "postgres://app:pw@127.0.0.1:5432/app",
        HASURA_GRAPHQL_ENABLED_APIS: "graphql, metadata",
        HASURA_GRAPHQL_EXPERIMENTAL_FEATURES: "naming_convention,inherited_roles",
        HASURA_GRAPHQL_ENABLE_MAINTENANCE_MODE: "false",
        HASURA_GRAPHQL_TX_ISOLATION: "read-committed",
        HASURA_GRAPHQL_EVENTS_FETCH_INTERVAL: "500",
        ...Object.fromEntries(harmlessSettingNames.map((name) => [name, "any"])),
      }),
    ).toBe("");
  });

  it("are all named at once when several are refused", () => {
    const message = refusal({
      HASURA_GRAPHQL_AUTH_HOOK: "https://auth.example",
      HASURA_GRAPHQL_EXPERIMENTAL_FEATURES: "apollo_federation",
      HASURA_GRAPHQL_METADATA_DATABASE_URL: "postgres://localhost/other",
    });
    expect(message).toContain("HASURA_GRAPHQL_AUTH_HOOK");
    expect(message).toContain("HASURA_GRAPHQL_EXPERIMENTAL_FEATURES");
    expect(message).toContain("HASURA_GRAPHQL_METADATA_DATABASE_URL");
    expect(message).toContain("set DATABASE_URL");
  });

  it("that do not exist are found, so that a slip of the pen is seen", () => {
    expect(
      unknownSettings({
        HASURA_GRAPHQL_UNAUTHORISED_ROLE: "x",
        HASURA_GRAPHQL_DEV_MODE: "true",
        PATH: "/bin",
      }),
    ).toEqual(["HASURA_GRAPHQL_UNAUTHORISED_ROLE"]);
  });
});
