import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { getNamedType, type GraphQLSchema, isInputObjectType } from "graphql";
import { createSubscriber } from "../../../src/client/index.ts";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { readTenantRows, secretsOf } from "../../support/tenant-rows.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { type Attacker, attackersOf, oneRowEach, type Row } from "./attackers.ts";
import { columnsOf, type Headers, queryFields, type RootField, subscriptionFields } from "./client-schema.ts";
import { boundRoles, type BoundRole, may, tables, type TableSurface } from "./surface.ts";

let product: TestProduct;
let mine: Tenant;
let theirs: Tenant;
let secrets: readonly string[];
let session: (role: BoundRole) => Attacker;
/** A primary key of the other tenant for each table, by column. */
let foreignKeys: ReadonlyMap<string, Row>;

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createTenant(product.database, "mark-of-mine");
  theirs = await createTenant(product.database, "mark-of-theirs");
  secrets = secretsOf(await readTenantRows(product.database, theirs), theirs);
  session = await attackersOf(product, mine);
  foreignKeys = await oneRowEach(product, theirs);
});

afterAll(async () => {
  await product.stop();
});

type Rows = readonly Readonly<Record<string, unknown>>[];

/** Asks many selections in one document; the answers come in their order. */
async function askAll(headers: Headers, selections: readonly string[]): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  for (let start = 0; start < selections.length; start += 40) {
    const part = selections.slice(start, start + 40);
    const query = `{ ${part.map((selection, index) => `a${String(index)}: ${selection}`).join("\n")} }`;
    const answer = await product.ask(headers, query);
    if (answer.errors !== undefined) throw new Error(`${JSON.stringify(answer.errors)} for ${query}`);
    part.forEach((_, index) => answers.push(answer.data?.[`a${String(index)}`]));
  }
  return answers;
}

const expectNothingForeign = (answer: unknown): void => {
  const text = JSON.stringify(answer);
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
};

/** The condition that only rows of the tenant meet. */
const boundTo = ({ bound }: TableSurface, tenant: Tenant): string =>
  bound === "person" ? `{id: {_eq: "${tenant.userId}"}}` : `{${bound ?? ""}: {_eq: "${tenant.workspaceId}"}}`;

const boundTables = Object.entries(tables).filter(([, { bound }]) => bound !== null);

/** Every condition, over at most `depth` relationships, that names the tenant at its end. */
function conditionsOn(
  schema: GraphQLSchema,
  typeName: string,
  tenant: Tenant,
  depth: number,
): readonly string[] {
  const type = schema.getType(typeName);
  if (!isInputObjectType(type)) return [];
  const table = tables[typeName.replace(/_bool_exp$/u, "")];
  const found: string[] = table === undefined || table.bound === null ? [] : [boundTo(table, tenant)];
  if (depth === 0) return found;
  for (const field of Object.values(type.getFields())) {
    const target = String(getNamedType(field.type));
    if (field.name.startsWith("_")) continue;
    if (target.endsWith("_aggregate_bool_exp")) {
      const inner = `${target.replace(/_aggregate_bool_exp$/u, "")}_bool_exp`;
      for (const condition of conditionsOn(schema, inner, tenant, depth - 1)) {
        found.push(`{${field.name}: {count: {filter: ${condition}, predicate: {_gt: 0}}}}`);
      }
    } else if (target.endsWith("_bool_exp")) {
      for (const condition of conditionsOn(schema, target, tenant, depth - 1)) {
        found.push(`{${field.name}: ${condition}}`);
      }
    }
  }
  return found;
}

const byPrimaryKey = (field: RootField, row: Readonly<Record<string, unknown>>): string =>
  field.args.map(({ name }) => `${name}: ${JSON.stringify(row[name])}`).join(", ");

describe.each(boundRoles)("role %s", (role) => {
  const readable = boundTables.filter(([name]) => may(name, "select", role));

  it.each(readable)("reads of %s its own rows alone, however it asks", async (name, table) => {
    const { headers, schema } = session(role);
    const columns = columnsOf(schema, name).filter((column) => column !== "metadata");
    const all = columns.join(" ");
    const foreign = boundTo(table, theirs);
    const [open, denied, ...arranged] = (await askAll(headers, [
      `${name} { ${all} }`,
      `${name}(where: ${foreign}) { ${all} }`,
      ...columns.map((column) => `${name}(distinct_on: ${column}, order_by: {${column}: asc}) { ${all} }`),
      ...columns.map((column) => `${name}(order_by: {${column}: desc_nulls_last}, offset: 0) { ${all} }`),
    ])) as readonly Rows[];
    expect(denied).toEqual([]);
    expectNothingForeign([open, arranged]);
    for (const row of open ?? []) {
      if (table.bound === "workspace_id" || table.bound === "id")
        expect(row[table.bound]).toBe(mine.workspaceId);
    }
    const byKey = queryFields(schema).find((field) => field.name === `${name}_by_pk`);
    const key = foreignKeys.get(name);
    if (byKey !== undefined && key !== undefined) {
      expect(await askAll(headers, [`${byKey.name}(${byPrimaryKey(byKey, key)}) { __typename }`])).toEqual([
        null,
      ]);
    }
  });

  it.each(readable)("aggregates its own rows of %s alone", async (name, table) => {
    const { headers, schema } = session(role);
    const columns = columnsOf(schema, `${name}_max_fields`).filter(
      // Hasura offers min and max of a uuid too, and passes on that Postgres has none.
      (column) => !/(?:^|_)(?:id|by)$/u.test(column),
    );
    const extremes = columns.length === 0 ? "" : `max { ${columns.join(" ")} } min { ${columns.join(" ")} }`;
    const [rows, open, denied] = (await askAll(headers, [
      `${name} { __typename }`,
      `${name}_aggregate { aggregate { count ${extremes} } nodes { __typename } }`,
      `${name}_aggregate(where: ${boundTo(table, theirs)}) { aggregate { count ${extremes} } nodes { __typename } }`,
    ])) as [Rows, ...{ aggregate: { count: number; max?: object }; nodes: Rows }[]];
    expect(open?.aggregate.count).toBe(rows.length);
    expect(open?.nodes).toHaveLength(rows.length);
    expect(denied?.aggregate.count).toBe(0);
    expect(denied?.nodes).toEqual([]);
    for (const value of Object.values(denied?.aggregate.max ?? {})) expect(value).toBeNull();
    expectNothingForeign(open);
  });

  it("learns nothing of foreign rows from a condition over relationships", async () => {
    const { headers, schema } = session(role);
    const selections: string[] = [];
    const controls: string[] = [];
    for (const name of Object.keys(tables).filter((table) => may(table, "select", role))) {
      for (const condition of conditionsOn(schema, `${name}_bool_exp`, theirs, 2)) {
        selections.push(`${name}(where: ${condition}, limit: 1) { __typename }`);
      }
      for (const condition of conditionsOn(schema, `${name}_bool_exp`, mine, 1)) {
        controls.push(`${name}(where: ${condition}, limit: 1) { __typename }`);
      }
    }
    expect(selections.length).toBeGreaterThan(200);
    const answers = (await askAll(headers, selections)) as readonly Rows[];
    expect(selections.filter((_, index) => answers[index]?.length !== 0)).toEqual([]);
    // The same conditions do find rows when they name the caller's own workspace.
    const own = (await askAll(headers, controls)) as readonly Rows[];
    expect(own.filter((rows) => rows.length > 0).length).toBeGreaterThan(controls.length / 2);
  });

  it("gets no foreign row through a live query", async () => {
    const { headers, schema } = session(role);
    const subscriber = createSubscriber({
      url: `${product.urls.gateway}/v1/graphql`,
      token: headers["authorization"]?.replace(/^Bearer /u, "") ?? "",
    });
    const first = async (document: string): Promise<unknown> => {
      for await (const answer of subscriber.watch<Record<string, unknown>>(document))
        return Object.values(answer)[0];
      return undefined;
    };
    try {
      const fields = subscriptionFields(schema);
      await Promise.all(
        readable.map(async ([name, table]) => {
          const columns = columnsOf(schema, name).join(" ");
          const foreign = boundTo(table, theirs);
          expect(await first(`subscription { ${name}(where: ${foreign}) { ${columns} } }`)).toEqual([]);
          const own = await first(`subscription { ${name} { ${columns} } }`);
          expectNothingForeign(own);
          const counted = await first(
            `subscription { ${name}_aggregate(where: ${foreign}) { aggregate { count } } }`,
          );
          expect(counted).toEqual({ aggregate: { count: 0 } });
          const byKey = fields.find((field) => field.name === `${name}_by_pk`);
          const key = foreignKeys.get(name);
          if (byKey !== undefined && key !== undefined) {
            const one = `subscription { ${byKey.name}(${byPrimaryKey(byKey, key)}) { __typename } }`;
            expect(await first(one)).toBeNull();
          }
          const cursors = columnsOf(schema, `${name}_stream_cursor_value_input`);
          // A stream without rows says nothing.
          if (cursors.includes("created_at") && (own as Rows).length > 0) {
            const stream = `subscription {
              ${name}_stream(batch_size: 100, cursor: {initial_value: {created_at: "2000-01-01"}}) { ${columns} }
            }`;
            expectNothingForeign(await first(stream));
          }
        }),
      );
    } finally {
      await subscriber.close();
    }
  });
});

describe("somebody who left", () => {
  it("leaves no trace of the new e-mail in filters, orders or aggregates of the old workspace", async () => {
    const [leaver, peer] = [crypto.randomUUID(), crypto.randomUUID()];
    const db = product.database;
    await db.query(
      "insert into users (id, email, display_name) values ($1, 'a@left', 'x'), ($2, 'm@m', 'm')",
      [leaver, peer],
    );
    await db.query(
      "insert into workspace_members (workspace_id, user_id) values ($1, $2), ($1, $3), ($4, $2)",
      [mine.workspaceId, leaver, peer, theirs.workspaceId],
    );
    for (const user of [leaver, peer]) {
      await db.query(
        "insert into messages (workspace_id, channel_id, user_id, body) values ($1, $2, $3, 'left')",
        [mine.workspaceId, mine.channelId, user],
      );
    }
    await db.query("delete from workspace_members where workspace_id = $1 and user_id = $2", [
      mine.workspaceId,
      leaver,
    ]);
    const query = `{
      ordered: messages(where: {body: {_eq: "left"}}, order_by: [{user: {email: asc_nulls_first}}, {id: asc}]) {
        id
        user { email }
      }
      counted: messages(
        where: {body: {_eq: "left"}}
        order_by: [{user: {memberships_aggregate: {count: asc_nulls_first}}}, {id: asc}]
      ) { id }
      guessed: messages(where: {user: {email: {_like: "%@left"}}}) { id }
      absent: messages(where: {body: {_eq: "left"}, _not: {user: {email: {_like: "%@left"}}}}) { id }
    }`;
    for (const role of boundRoles) {
      const answers: unknown[] = [];
      for (const email of ["a@left", "z@left"]) {
        await db.query("update users set email = $2 where id = $1", [leaver, email]);
        const answer = await product.ask(session(role).headers, query);
        expect(answer.errors).toBeUndefined();
        expect(JSON.stringify(answer)).not.toContain("@left");
        expect(answer.data?.["guessed"]).toEqual([]);
        expect(answer.data?.["absent"]).toHaveLength(2);
        answers.push(answer.data);
      }
      expect(answers[1]).toEqual(answers[0]);
    }
  });
});
