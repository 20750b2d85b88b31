import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { buildSchema, concatAST, parse, validate } from "graphql";
import { loadMetadataFolder } from "../../../src/engine/metadata/index.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const documents = join(root, "src/client/documents");
const schema = buildSchema(readFileSync(join(root, "src/client/generated/schema.graphql"), "utf8"));

describe("the metadata and the client made from it", () => {
  it("is accepted whole by the engine's strict loader", async () => {
    const metadata = await loadMetadataFolder(join(root, "hasura/metadata"));
    expect(metadata.actions.map(({ name, operation }) => `${operation} ${name}`).sort()).toEqual([
      "mutation amendUsage",
      "mutation commitUsage",
      "mutation consumeUsage",
      "mutation consumeUsages",
      "mutation createApiKey",
      "mutation createWebhook",
      "mutation extendReservation",
      "mutation releaseUsage",
      "mutation resendWebhook",
      "mutation reserveUsage",
      "mutation reserveUsages",
      "mutation revokeApiKey",
      "mutation rotateWebhookSecret",
      "mutation testWebhook",
      "mutation trackEvents",
      "mutation voidUsage",
      "query checkUsage",
      "query getCurrentUsage",
      "query suggestUpgrade",
    ]);
    expect(metadata.sources[0]?.databaseUrl).toEqual({ fromEnv: "PG_DATABASE_URL" });
  });

  it("has documents that role user may send", () => {
    const files = readdirSync(documents).map((name) => parse(readFileSync(join(documents, name), "utf8")));
    expect(validate(schema, concatAST(files))).toEqual([]);
  });

  it("offers role user the gate first and no write of plans, limits or counters", () => {
    const mutations = Object.keys(schema.getMutationType()?.getFields() ?? {});
    expect(mutations).toEqual(expect.arrayContaining(["usage_gate", "consumeUsage", "reserveUsage"]));
    expect(mutations.filter((name) => /^(insert|update|delete)_(billing|usage)/u.test(name))).toEqual([]);
  });
});
