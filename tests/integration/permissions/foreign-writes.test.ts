import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  getNamedType,
  type GraphQLInputField,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
} from "graphql";
import { type GraphQLAnswer, startTestProduct, type TestProduct } from "../../support/product.ts";
import { readTenantRows, secretsOf, type TenantRows } from "../../support/tenant-rows.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { setLimit } from "../../support/workspaces.ts";
import { type Attacker, attackersOf, oneRowEach, type Row } from "./attackers.ts";
import { columnsOf, type Headers, mutationFields, queryFields, relationshipsOf } from "./client-schema.ts";
import { boundRoles, type BoundRole, calls, may, roles, tables, type TableSurface } from "./surface.ts";

let product: TestProduct;
let mine: Tenant;
let theirs: Tenant;
let untouched: TenantRows;
let secrets: readonly string[];
let session: (role: BoundRole) => Attacker;

/** A row of the other tenant in each table. */
let foreignRows: ReadonlyMap<string, Row>;

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createTenant(product.database, "mark-of-mine");
  theirs = await createTenant(product.database, "mark-of-theirs");
  for (const metric of ["bots", "integrations", "channels", "recording_bytes"]) {
    await setLimit(product.database, mine.workspaceId, metric, null);
  }
  untouched = await readTenantRows(product.database, theirs);
  secrets = secretsOf(untouched, theirs);
  session = await attackersOf(product, mine);
  foreignRows = await oneRowEach(product, theirs);
});

afterAll(async () => {
  await product.stop();
});

const expectUntouched = async (what: string): Promise<void> => {
  expect({ what, rows: await readTenantRows(product.database, theirs) }).toEqual({ what, rows: untouched });
};

/** Sends an attack; whatever the answer is, it names nothing of the other tenant. */
async function attack(headers: Headers, document: string): Promise<GraphQLAnswer> {
  const answer = await product.ask(headers, document);
  const text = JSON.stringify(answer);
  expect({ document, leaked: secrets.filter((secret) => text.includes(secret)) }).toEqual({
    document,
    leaked: [],
  });
  return answer;
}

const codeOf = (answer: GraphQLAnswer): unknown => answer.errors?.[0]?.extensions["code"];
const refusals = ["permission-error", "constraint-violation", "usage-limit-exceeded", "validation-failed"];

/** Prints a value as a GraphQL literal; columns of an enum type are not among those that roles write. */
const literal = (value: unknown): string =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? `{${Object.entries(value)
        .map(([key, inner]) => `${key}: ${literal(inner)}`)
        .join(", ")}}`
    : JSON.stringify(value);

let serial = 0;

/** A value that the tenant may write into a column; a column without one fails the test. */
function valueOf(column: string, tenant: Tenant): unknown {
  serial += 1;
  const values: Readonly<Record<string, unknown>> = {
    archived_at: null,
    acknowledged_at: "2026-01-01T00:00:00Z",
    body: "text",
    call_id: tenant.callId,
    channel_id: tenant.channelId,
    created_by: tenant.memberId,
    deleted_at: null,
    description: "text",
    display_name: "name",
    email: `invited-${String(serial)}@example.com`,
    enabled: true,
    ended_at: null,
    metric: "messages",
    name: `name-${String(serial)}`,
    role: "member",
    size_bytes: 5,
    started_at: "2026-01-01T00:00:00Z",
    status: "ready",
    threshold_percent: 1 + (serial % 1000),
    threshold_value: null,
    uploader_id: tenant.memberId,
    user_id: tenant.memberId,
  };
  if (!(column in values)) throw new Error(`column ${column} is not classified`);
  return values[column];
}

const objectOf = (columns: readonly string[], tenant: Tenant): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column, valueOf(column, tenant)]));

const fieldsOf = (schema: GraphQLSchema, typeName: string): readonly GraphQLInputField[] => {
  const type = schema.getType(typeName);
  return isInputObjectType(type) ? Object.values(type.getFields()) : [];
};

const uuidColumns = (schema: GraphQLSchema, typeName: string): readonly string[] =>
  fieldsOf(schema, typeName)
    .filter((field) => String(getNamedType(field.type)) === "uuid")
    .map(({ name }) => name);

const foreignIds = (): readonly string[] => [
  theirs.workspaceId,
  theirs.userId,
  theirs.memberId,
  theirs.channelId,
  theirs.callId,
];

const boundTo = ({ bound }: TableSurface, tenant: Tenant): string =>
  bound === "person" ? `{id: {_eq: "${tenant.userId}"}}` : `{${bound ?? ""}: {_eq: "${tenant.workspaceId}"}}`;

/** All `on_conflict` arguments that the table offers, each updating every column it may. */
function conflicts(schema: GraphQLSchema, table: string): readonly string[] {
  const constraints = schema.getType(`${table}_constraint`);
  const updates = schema.getType(`${table}_update_column`);
  if (!isEnumType(constraints) || !isEnumType(updates)) return [];
  const columns = updates.getValues().map(({ name }) => name);
  return constraints
    .getValues()
    .map(({ name }) => `{constraint: ${name}, update_columns: [${columns.join(", ")}]}`);
}

/** The arguments by which an update changes rows: `_set` and its kin. */
function changesOf(schema: GraphQLSchema, table: string): readonly string[] {
  const field = mutationFields(schema).find(({ name }) => name === `update_${table}`);
  return (field?.args ?? [])
    .filter(({ name }) => name !== "where")
    .flatMap(({ name, type }) =>
      columnsOf(schema, String(getNamedType(type))).map((column) => {
        const value = name === "_set" ? valueOf(column, theirs) : 1;
        return `${name}: {${column}: ${literal(value)}}`;
      }),
    );
}

const written = Object.entries(tables).filter(([, { access }]) => /[iud]/u.test(access.slice(1, 4).join("")));
const privateColumns =
  "id workspace_id owner_id created_at created_by user_id uploader_id invited_by accepted_by used limit_value plan_id";

describe.each(boundRoles)("role %s", (role) => {
  const insertable = written.filter(([name]) => may(name, "insert", role));
  const changeable = written.filter(([name]) => may(name, "update", role));

  it.each(insertable)("puts no row of %s into, under or over anything foreign", async (name, table) => {
    const { headers, schema } = session(role);
    const columns = columnsOf(schema, `${name}_insert_input`);
    const insert = (object: string, conflict = ""): Promise<GraphQLAnswer> =>
      attack(headers, `mutation { insert_${name}(objects: [${object}]${conflict}) { affected_rows } }`);

    const accepted = await insert(literal(objectOf(columns, mine)));
    expect(accepted).toEqual({ data: { [`insert_${name}`]: { affected_rows: 1 } } });

    for (const column of uuidColumns(schema, `${name}_insert_input`)) {
      for (const id of foreignIds()) {
        const object = literal({ ...objectOf(columns, mine), [column]: id });
        expect(refusals).toContain(codeOf(await insert(object)));
        const one = await attack(
          headers,
          `mutation { insert_${name}_one(object: ${object}) { __typename } }`,
        );
        expect(refusals).toContain(codeOf(one));
        for (const conflict of conflicts(schema, name)) {
          expect(refusals).toContain(codeOf(await insert(object, `, on_conflict: ${conflict}`)));
        }
      }
    }
    for (const column of privateColumns.split(" ").filter((private_) => !columns.includes(private_))) {
      const object = literal({ ...objectOf(columns, mine), [column]: theirs.workspaceId });
      expect(codeOf(await insert(object))).toBe("validation-failed");
    }
    const foreign = foreignRows.get(name) ?? {};
    const like = Object.fromEntries(
      columns
        .filter((column) => !uuidColumns(schema, `${name}_insert_input`).includes(column))
        .map((column) => [column, foreign[column] ?? valueOf(column, mine)]),
    );
    for (const conflict of conflicts(schema, name)) {
      await insert(literal({ ...objectOf(columns, mine), ...like }), `, on_conflict: ${conflict}`);
    }
    await expectUntouched(`insert into ${table.relation}`);
  });

  it.each(insertable)("reaches nothing foreign from %s by a nested insert", async (name) => {
    const { headers, schema } = session(role);
    const columns = columnsOf(schema, `${name}_insert_input`);
    for (const { name: relationship, type } of relationshipsOf(schema, `${name}_insert_input`)) {
      const inner = fieldsOf(schema, type).find((field) => field.name === "data");
      if (inner === undefined) throw new Error(`${type} holds no data`);
      const innerType = String(getNamedType(inner.type));
      const target = innerType.replace(/_insert_input$/u, "");
      const innerColumns = fieldsOf(schema, innerType)
        .filter((field) => isLeafType(getNamedType(field.type)))
        .map((field) => field.name);
      const outer = Object.fromEntries(
        Object.entries(objectOf(columns, mine)).filter(([column]) => column !== `${relationship}_id`),
      );
      const objects = [
        objectOf(innerColumns, theirs),
        { ...objectOf(innerColumns, mine), name: theirs.mark },
      ];
      for (const object of objects) {
        for (const conflict of ["", ...conflicts(schema, target).map((given) => `, on_conflict: ${given}`)]) {
          const data = String(inner.type).startsWith("[") ? `[${literal(object)}]` : literal(object);
          const body = `${literal(outer).slice(0, -1)}, ${relationship}: {data: ${data}${conflict}}}`;
          await attack(headers, `mutation { insert_${name}(objects: [${body}]) { affected_rows } }`);
        }
      }
    }
    await expectUntouched(`nested insert under ${name}`);
  });

  it.each(changeable)("updates no foreign row of %s and moves none of its own there", async (name, table) => {
    const { headers, schema } = session(role);
    const changes = changesOf(schema, name);
    expect(changes.length).toBeGreaterThan(0);
    // No column that holds an id may be updated at all: nothing can be moved.
    expect(uuidColumns(schema, `${name}_set_input`)).toEqual([]);
    const readable = columnsOf(schema, name).join(" ");
    const key = queryFields(schema).find((field) => field.name === `${name}_by_pk`);
    const row = foreignRows.get(name);
    for (const change of changes) {
      const at = `${name}(where: ${boundTo(table, theirs)}, ${change})`;
      expect(
        await attack(headers, `mutation { update_${at} { affected_rows returning { ${readable} } } }`),
      ).toEqual({
        data: { [`update_${name}`]: { affected_rows: 0, returning: [] } },
      });
      const many = `[{where: ${boundTo(table, theirs)}, ${change}}, {where: {}, ${change}}]`;
      const open = await attack(
        headers,
        `mutation { update_${name}_many(updates: ${many}) { affected_rows } }`,
      );
      expect(open.errors).toBeUndefined();
      expect((open.data?.[`update_${name}_many`] as { affected_rows: number }[])[0]?.affected_rows).toBe(0);
      if (key !== undefined && row !== undefined) {
        const columns = key.args.map((arg) => `${arg.name}: ${JSON.stringify(row[arg.name])}`).join(", ");
        const one = `mutation { update_${name}_by_pk(pk_columns: {${columns}}, ${change}) { __typename } }`;
        expect(await attack(headers, one)).toEqual({ data: { [`update_${name}_by_pk`]: null } });
      }
    }
    for (const column of privateColumns.split(" ")) {
      const move = `update_${name}(where: {}, _set: {${column}: "${theirs.workspaceId}"}) { affected_rows }`;
      expect(codeOf(await attack(headers, `mutation { ${move} }`))).toBe("validation-failed");
    }
    await expectUntouched(`update of ${table.relation}`);
  });

  it("moves no foreign row by any call", async () => {
    const { headers, schema } = session(role);
    const known = mutationFields(schema).filter(({ name }) => name in calls);
    const asked = [...known, ...queryFields(schema).filter(({ name }) => name in calls)];
    expect(asked.map(({ name }) => name).sort()).toEqual(
      Object.keys(calls)
        .filter((name) => calls[name]?.includes(role))
        .sort(),
    );
    const reservation = String(foreignRows.get("usage_reservations")?.["id"]);
    const invitation = String(foreignRows.get("workspace_invitations")?.["id"]);
    const numbers: Readonly<Record<string, string>> = { amount: "1", ttlSeconds: "60" };
    for (const { name, args } of asked) {
      const isMutation = known.some((field) => field.name === name);
      const inner = args.find((arg) => arg.name === "args");
      const given =
        inner === undefined
          ? args.filter((arg) => isLeafType(getNamedType(arg.type)))
          : fieldsOf(schema, String(getNamedType(inner.type)));
      const ids = given.filter((arg) => String(getNamedType(arg.type)) === "uuid").map((arg) => arg.name);
      expect(ids.length).toBeGreaterThan(0);
      for (const id of ids) {
        for (const foreign of [...foreignIds(), reservation, invitation]) {
          const values = given.flatMap((arg) => {
            if (arg.name === id) return [`${arg.name}: "${foreign}"`];
            if (arg.name === "workspaceId") return [`${arg.name}: "${mine.workspaceId}"`];
            if (arg.name === "reservationId") return [`${arg.name}: "${reservation}"`];
            if (arg.name === "metric") return [`${arg.name}: "ai_queries"`];
            const number = numbers[arg.name];
            return number === undefined ? [] : [`${arg.name}: ${number}`];
          });
          const body = inner === undefined ? values.join(", ") : `args: {${values.join(", ")}}`;
          const answer = await attack(
            headers,
            `${isMutation ? "mutation" : "query"} { ${name}(${body}) { __typename } }`,
          );
          const decision = answer.data?.[name];
          // A foreign reservation under the own workspace is a denial, which is an answer; all else is an error.
          if (decision === undefined || decision === null) expect(answer.errors).toHaveLength(1);
          else expect({ name, id }).toEqual({ name, id: "reservationId" });
        }
      }
    }
    await expectUntouched("calls");
  });

  it.each(written)("deletes no foreign row of %s", async (name, table) => {
    const { headers, schema } = session(role);
    const gone = await attack(
      headers,
      `mutation { delete_${name}(where: ${boundTo(table, theirs)}) { affected_rows } }`,
    );
    if (!may(name, "delete", role)) {
      expect(codeOf(gone)).toBe("validation-failed");
      return;
    }
    expect(gone).toEqual({ data: { [`delete_${name}`]: { affected_rows: 0 } } });
    const key = mutationFields(schema).find((field) => field.name === `delete_${name}_by_pk`);
    const row = foreignRows.get(name);
    if (key !== undefined && row !== undefined) {
      const columns = key.args.map((arg) => `${arg.name}: ${JSON.stringify(row[arg.name])}`).join(", ");
      expect(await attack(headers, `mutation { ${key.name}(${columns}) { __typename } }`)).toEqual({
        data: { [key.name]: null },
      });
    }
    await attack(
      headers,
      `mutation { delete_${name}(where: {_not: ${boundTo(table, mine)}}) { affected_rows } }`,
    );
    await expectUntouched(`delete from ${table.relation}`);
  });
});

describe("role operator", () => {
  it("writes what is one workspace's (overrides, add-ons, graces, subscriptions, members), and no counter, plan or price", () => {
    const operator = roles.indexOf("operator");
    const writes = Object.entries(tables)
      .filter(([, { access }]) => /[iud]/u.test(access[operator] ?? ""))
      .map(([name]) => name);
    expect(writes.sort()).toEqual([
      "billing_limit_overrides",
      "billing_member_limits",
      "billing_plan_graces",
      "billing_subscription_add_ons",
      "billing_subscriptions",
      "workspace_members",
    ]);
  });
});
