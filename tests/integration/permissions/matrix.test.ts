import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type GraphQLSchema, isObjectType } from "graphql";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant } from "../../support/tenants.ts";
import { columnsOf, mutationFields, queryFields, readSchema, subscriptionFields } from "./client-schema.ts";
import { calls, hiddenTables, may, type Operation, type Role, roles, tableField, tables } from "./surface.ts";

let product: TestProduct;
const schemas = new Map<Role, GraphQLSchema>();

beforeAll(async () => {
  product = await startTestProduct();
  const tenant = await createTenant(product.database, "somebody");
  for (const role of roles) {
    const headers = role === "anonymous" ? {} : await product.tokenFor(tenant, role);
    schemas.set(role, await readSchema(product, headers));
  }
});

afterAll(async () => {
  await product.stop();
});

const schemaOf = (role: Role): GraphQLSchema => {
  const schema = schemas.get(role);
  if (schema === undefined) throw new Error(`no schema of ${role}`);
  return schema;
};

const operations: readonly Operation[] = ["select", "insert", "update", "delete"];
const words = (text: string | undefined): readonly string[] => (text ?? "").split(" ").filter(Boolean).sort();

const actionTypes = new Set([
  "UsageDecision",
  "AddOnOffer",
  "MemberUse",
  "PressingMetric",
  "UpgradeOffer",
  "UpgradeSuggestion",
  "UsageDecisions",
  "UsageCorrection",
  "UsageMetric",
  "CurrentUsage",
  "ApiKeySecret",
  "RevokedApiKey",
  "WebhookSecret",
  "WebhookReceipt",
  "TrackResult",
  "TrackedEvent",
]);
const aggregateSuffix =
  /_(?:aggregate|mutation_response|(?:aggregate|avg|max|min|sum|stddev(?:_pop|_samp)?|var_pop|var_samp|variance)_fields)$/u;

const isClassifiedType = (name: string): boolean => {
  if (/^(?:__|(?:query|mutation|subscription)_root$)/u.test(name) || actionTypes.has(name)) return true;
  const table = name in tables ? name : name.replace(aggregateSuffix, "");
  return table in tables || table in hiddenTables;
};

describe.each(roles)("role %s", (role) => {
  it("has no root field that is not classified or not its own", () => {
    const schema = schemaOf(role);
    const beyond: string[] = [];
    const readers = [...queryFields(schema), ...subscriptionFields(schema)];
    for (const [fields, reading] of [
      [readers, true],
      [mutationFields(schema), false],
    ] as const) {
      for (const { name } of fields) {
        if (name === "no_queries_available") continue;
        const field = tableField(name);
        const allowed =
          field === null
            ? (calls[name] ?? []).includes(role)
            : (field.operation === "select") === reading && may(field.table, field.operation, role);
        if (!allowed) beyond.push(name);
      }
    }
    expect(beyond).toEqual([]);
  });

  it("has each table operation and each call that it was promised", () => {
    const schema = schemaOf(role);
    const visible = new Set([...queryFields(schema), ...mutationFields(schema)].map(({ name }) => name));
    const promised = Object.keys(tables).flatMap((table) =>
      operations
        .filter((operation) => may(table, operation, role))
        .map((operation) => (operation === "select" ? table : `${operation}_${table}`)),
    );
    for (const [name, allowed] of Object.entries(calls)) if (allowed.includes(role)) promised.push(name);
    expect(promised.filter((name) => !visible.has(name))).toEqual([]);
  });

  it("reads and writes exactly the columns of the surface", () => {
    const schema = schemaOf(role);
    const found: Record<string, readonly (readonly string[])[]> = {};
    const promised: typeof found = {};
    for (const [name, table] of Object.entries(tables)) {
      found[name] = [name, `${name}_insert_input`, `${name}_set_input`].map((type) =>
        columnsOf(schema, type),
      );
      promised[name] = [
        may(name, "select", role) ? words(table.read) : [],
        words(table.insert?.[role]),
        words(table.update?.[role]),
      ];
    }
    for (const [name, columns] of Object.entries(hiddenTables)) {
      found[name] = [columnsOf(schema, name)];
      promised[name] = [calls["usage_gate"]?.includes(role) === true ? words(columns) : []];
    }
    expect(found).toEqual(promised);
  });

  it("has no type of rows that is not classified", () => {
    const names = Object.values(schemaOf(role).getTypeMap())
      .filter((type) => isObjectType(type))
      .map(({ name }) => name);
    expect(names.filter((name) => !isClassifiedType(name))).toEqual([]);
  });
});

it("classifies every table that holds rows of a workspace", async () => {
  const held = await product.database.query<{ name: string }>(
    `select format('%s.%s', table_schema, table_name) as name
     from information_schema.columns
     where table_schema not in ('pg_catalog', 'information_schema', 'hdb_catalog', 'analytics_months')
       and column_name = 'workspace_id'
     order by 1`,
  );
  // No role reads these: usage.period and the counters' functions do.
  const untracked = new Set([
    "analytics.activity",
    "analytics.event_keys",
    "analytics.touched_hours",
    "billing.period_anchors",
    "usage.alert_levels",
    "usage.counter_log",
    "usage.counter_shards",
    "usage.counters",
    "usage.counter_recounts",
    "usage.counter_log_totals",
    "usage.decisions",
    "usage.member_counters",
    "usage.member_counter_log",
    "usage.member_meters",
    "usage.member_counter_log_totals",
  ]);
  const known = new Set(Object.values(tables).map(({ relation }) => relation));
  expect(held.map(({ name }) => name).filter((name) => !known.has(name) && !untracked.has(name))).toEqual([]);
});
