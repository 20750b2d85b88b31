import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type GraphQLAnswer, startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";

type Operation = "select" | "insert" | "update" | "delete";
type Access = "" | "s" | "si" | "sd" | "su" | "sud" | "siu" | "sid" | "siud";

const roles = ["anonymous", "user", "workspace_admin", "service", "operator"] as const;
type Role = (typeof roles)[number];

/**
 * Role × table × operation: s(elect), i(nsert), u(pdate), d(elete), in the order of `roles`. It says what the
 * product promises; the metadata is held against it.
 */
const matrix: Readonly<Record<string, readonly [Access, Access, Access, Access, Access]>> = {
  users: ["", "su", "su", "s", "s"],
  workspaces: ["", "s", "su", "s", "s"],
  workspace_members: ["", "sd", "sud", "sd", "sid"],
  workspace_invitations: ["", "sd", "sid", "sid", "s"],
  channels: ["", "siu", "siud", "siu", "s"],
  messages: ["", "siu", "siud", "siu", "s"],
  files: ["", "siud", "siud", "siud", "s"],
  bots: ["", "s", "siud", "sid", "s"],
  integrations: ["", "s", "siud", "sid", "s"],
  calls: ["", "siu", "siu", "siu", "s"],
  call_recordings: ["", "si", "sid", "sid", "s"],
  streams: ["", "siu", "siu", "siu", "s"],
  billing_plans: ["s", "s", "s", "s", "s"],
  billing_features: ["s", "s", "s", "s", "s"],
  billing_plan_features: ["s", "s", "s", "s", "s"],
  billing_plan_limits: ["s", "s", "s", "s", "s"],
  billing_limit_overrides: ["", "", "s", "s", "siud"],
  billing_subscriptions: ["", "", "s", "s", "siu"],
  billing_subscription_history: ["", "", "s", "s", "s"],
  usage_current: ["", "s", "s", "s", "s"],
  usage_history: ["", "s", "s", "s", "s"],
  subscription_usage: ["", "s", "s", "s", "s"],
  usage_alerts: ["", "s", "su", "s", "s"],
  usage_ledger: ["", "", "s", "s", "s"],
  usage_reservations: ["", "", "s", "s", "s"],
  usage_api_calls: ["", "", "s", "s", "s"],
  usage_counters: ["", "", "s", "s", "s"],
  usage_peaks: ["", "", "s", "s", "s"],
  usage_reconciliations: ["", "", "", "", "s"],
};

const rootOf: Readonly<Record<Operation, (table: string) => string>> = {
  select: (table) => table,
  insert: (table) => `insert_${table}`,
  update: (table) => `update_${table}`,
  delete: (table) => `delete_${table}`,
};

let product: TestProduct;
let mine: Tenant;
let theirs: Tenant;
const headers = new Map<Role, Readonly<Record<string, string>>>();

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createTenant(product.database, "mark-of-mine");
  theirs = await createTenant(product.database, "mark-of-theirs");
  for (const role of roles) headers.set(role, role === "anonymous" ? {} : await product.tokenFor(mine, role));
});

afterAll(async () => {
  await product.stop();
});

const as = (role: Role, query: string, variables?: object): Promise<GraphQLAnswer> =>
  product.ask(headers.get(role) ?? {}, query, variables);

interface Field {
  readonly name: string;
}

async function rootFields(role: Role): Promise<ReadonlySet<string>> {
  const answer = await as(
    role,
    "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }",
  );
  const schema = answer.data?.["__schema"] as {
    queryType: { fields: Field[] };
    mutationType: { fields: Field[] } | null;
  };
  return new Set(
    [...schema.queryType.fields, ...(schema.mutationType?.fields ?? [])].map(({ name }) => name),
  );
}

describe.each(roles)("role %s", (role) => {
  it("has exactly the operations of the matrix", async () => {
    const visible = await rootFields(role);
    const found: Record<string, string> = {};
    const promised: Record<string, string> = {};
    for (const [table, access] of Object.entries(matrix)) {
      promised[table] = access[roles.indexOf(role)] ?? "";
      found[table] = (Object.keys(rootOf) as Operation[])
        .filter((operation) => visible.has(rootOf[operation](table)))
        .map((operation) => operation[0])
        .join("");
    }
    expect(found).toEqual(promised);
  });

  it("has no other table", async () => {
    const known = new Set<string>();
    for (const table of Object.keys(matrix)) for (const name of Object.values(rootOf)) known.add(name(table));
    const tables = [...(await rootFields(role))].filter(
      (name) =>
        /^(insert_|update_|delete_|usage_|billing_)/u.test(name) &&
        !/(_aggregate|_by_pk|_one|_many)$/u.test(name),
    );
    const allowed = new Set(["usage_metrics", "usage_meters", "usage_gate", "usage_decisions"]);
    expect(tables.filter((name) => !known.has(name) && !allowed.has(name))).toEqual([]);
  });
});

const tenantKey = (table: string): string => (table === "workspaces" ? "id" : "workspace_id");
const bound = ["user", "workspace_admin", "service"] as const;
const ofWorkspace = Object.keys(matrix).filter(
  (table) => !/^(users|billing_(plans|features|plan_features|plan_limits))$/u.test(table),
);

describe.each(bound)("role %s, bound to its workspace", (role) => {
  const may = (table: string, operation: string): boolean =>
    (matrix[table]?.[roles.indexOf(role)] ?? "").includes(operation[0] ?? "-");

  it.each(ofWorkspace)("reads its own rows of %s and no other's", async (table) => {
    if (!may(table, "select")) {
      const hidden = await as(role, `{ ${table} { __typename } }`);
      expect(hidden.errors?.[0]?.message).toBe(`field '${table}' not found in type: 'query_root'`);
      return;
    }
    const key = tenantKey(table);
    const answer = await as(role, `{ ${table} { ${key} } }`);
    expect(answer.errors).toBeUndefined();
    const ids = (answer.data?.[table] as Record<string, string>[]).map((row) => row[key]);
    expect(new Set(ids).size).toBeLessThanOrEqual(1);
    for (const id of ids) expect(id).toBe(mine.workspaceId);
    const foreign = await as(
      role,
      `query ($id: uuid!) { ${table}(where: {${key}: {_eq: $id}}) { ${key} } }`,
      {
        id: theirs.workspaceId,
      },
    );
    expect(foreign).toEqual({ data: { [table]: [] } });
  });

  it.each(ofWorkspace)("changes no row of another workspace in %s", async (table) => {
    const key = tenantKey(table);
    const remove = await as(
      role,
      `mutation ($id: uuid!) { delete_${table}(where: {${key}: {_eq: $id}}) { affected_rows } }`,
      { id: theirs.workspaceId },
    );
    if (may(table, "delete")) expect(remove.data).toEqual({ [`delete_${table}`]: { affected_rows: 0 } });
    else expect(remove.errors?.[0]?.extensions["code"]).toBe("validation-failed");
  });

  it("cannot put a row into another workspace, by its id or by a parent of it", async () => {
    const byId = await as(
      role,
      `mutation ($w: uuid!) { insert_channels(objects: [{name: "x", workspace_id: $w}]) { affected_rows } }`,
      {
        w: theirs.workspaceId,
      },
    );
    expect(byId.errors?.[0]?.extensions["code"]).toBe("validation-failed");
    const objects =
      role === "service" ? '{channel_id: $c, body: "x", user_id: $u}' : '{channel_id: $c, body: "x"}';
    const variables = role === "service" ? { c: theirs.channelId, u: mine.userId } : { c: theirs.channelId };
    const declared = role === "service" ? "($c: uuid!, $u: uuid!)" : "($c: uuid!)";
    const byParent = await as(
      role,
      `mutation ${declared} { insert_messages(objects: [${objects}]) { affected_rows } }`,
      variables,
    );
    expect(byParent.errors?.[0]?.extensions["code"]).toBe("permission-error");
  });

  it("sees no people of another workspace", async () => {
    const answer = await as(role, "{ users { id display_name } }");
    expect(JSON.stringify(answer)).not.toContain(theirs.mark);
    expect(JSON.stringify(answer)).toContain(mine.mark);
  });
});
