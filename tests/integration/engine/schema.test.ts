import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { isObjectType, validateSchema } from "graphql";
import { type Catalog, readCatalog } from "../../../src/engine/catalog/index.ts";
import { loadMetadataFolder, type Metadata } from "../../../src/engine/metadata/index.ts";
import { bindingOf, buildRoleSchema } from "../../../src/engine/schema/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";

const rolesOf = (metadata: Metadata): readonly string[] => {
  const roles = new Set(["admin"]);
  for (const table of metadata.sources.flatMap((source) => source.tables)) {
    for (const permissions of Object.values(table.permissions)) {
      for (const role of (permissions as ReadonlyMap<string, unknown>).keys()) {
        roles.add(role);
      }
    }
  }
  return [...roles];
};

describe("the project's own metadata", () => {
  let test: TestDatabase;
  let catalog: Catalog;
  let metadata: Metadata;

  beforeAll(async () => {
    test = await createTestDatabase();
    catalog = await readCatalog(test.database);
    metadata = await loadMetadataFolder(`${hasuraDir}/metadata`);
  });

  afterAll(async () => {
    await test.drop();
  });

  it("fits the migrated database in every role, and every field knows what it stands for", () => {
    const roles = rolesOf(metadata);
    expect(roles.length).toBeGreaterThan(1);
    for (const role of roles) {
      const { schema } = buildRoleSchema({
        metadata,
        catalog,
        role,
        backendOnly: false,
        options: { stringifyNumericTypes: false, inferFunctionPermissions: true },
      });
      expect(validateSchema(schema)).toEqual([]);
      const unbound = Object.values(schema.getTypeMap())
        .filter((type) => isObjectType(type) && !type.name.startsWith("__"))
        .flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()) : []))
        .filter((field) => bindingOf(field) === undefined);
      expect(unbound).toEqual([]);
    }
  });
});
