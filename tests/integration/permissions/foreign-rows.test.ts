import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";

let product: TestProduct;
let tenants: readonly [Tenant, Tenant];

beforeAll(async () => {
  product = await startTestProduct();
  tenants = [
    await createTenant(product.database, "zq-first-zq"),
    await createTenant(product.database, "zq-second-zq"),
  ];
});

afterAll(async () => {
  await product.stop();
});

interface TypeRef {
  readonly kind: string;
  readonly name: string | null;
  readonly ofType?: TypeRef | null;
}

interface SchemaType {
  readonly name: string;
  readonly kind: string;
  readonly fields: readonly { name: string; type: TypeRef; args: readonly { name: string }[] }[] | null;
}

const introspection = `{
  __schema {
    queryType { name }
    types {
      name
      kind
      fields {
        name
        args { name }
        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
      }
    }
  }
}`;

const named = (type: TypeRef): { kind: string; name: string } =>
  type.ofType ? named(type.ofType) : { kind: type.kind, name: type.name ?? "" };

type Schema = ReadonlyMap<string, SchemaType>;

async function readSchema(headers: Readonly<Record<string, string>>): Promise<Schema> {
  const answer = await product.ask(headers, introspection);
  const { types } = answer.data?.["__schema"] as { types: readonly SchemaType[] };
  return new Map(types.map((type) => [type.name, type]));
}

/** A selection set of the type, from a stream of random numbers, at most `depth` relationships deep. */
function selection(schema: Schema, typeName: string, depth: number, pick: (below: number) => number): string {
  const fields = schema.get(typeName)?.fields ?? [];
  const parts: string[] = ["__typename"];
  for (const field of fields) {
    const target = named(field.type);
    if (target.kind !== "OBJECT") {
      // Hasura offers min and max of a uuid too, and passes on that Postgres has none.
      if (target.name === "uuid" && /_(?:min|max)_fields$/u.test(typeName)) continue;
      if (field.args.some(({ name }) => name !== "path" && name !== "columns" && name !== "distinct"))
        continue;
      if (pick(3) > 0) parts.push(field.name);
    } else if (depth > 0 && pick(3) === 0) {
      const args = field.args.some(({ name }) => name === "where") ? filter(pick) : "";
      parts.push(`${field.name}${args} { ${selection(schema, target.name, depth - 1, pick)} }`);
    }
  }
  return parts.join(" ");
}

const filters = [
  "",
  "(where: {})",
  "(where: {_or: [{}, {_not: {}}]})",
  "(where: {_not: {_or: []}})",
  "(limit: 5)",
  "(offset: 0)",
];
const filter = (pick: (below: number) => number): string => filters[pick(filters.length)] ?? "";

describe("random queries of two tenants", () => {
  it.each(["user", "workspace_admin", "service"])(
    "find no foreign row in any answer to role %s",
    async (role) => {
      const [first, second] = tenants;
      const headers = [await product.tokenFor(first, role), await product.tokenFor(second, role)] as const;
      const schema = await readSchema(headers[0]);
      const roots = (schema.get("query_root")?.fields ?? []).filter(
        ({ name, args }) => args.some((arg) => arg.name === "where") && !name.startsWith("__"),
      );
      let answered = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.nat(roots.length - 1),
          fc.infiniteStream(fc.nat(999)),
          fc.boolean(),
          async (index, numbers, turned) => {
            const root = roots[index];
            if (root === undefined) return;
            const pick = (below: number): number => (numbers.next().value as number) % below;
            const query = `{ ${root.name}${filter(pick)} { ${selection(schema, named(root.type).name, 3, pick)} } }`;
            const answer = await product.ask(headers[turned ? 1 : 0], query);
            expect({ query, errors: answer.errors }).toEqual({ query, errors: undefined });
            const text = JSON.stringify(answer.data);
            const other = turned ? first : second;
            for (const secret of [
              other.mark,
              other.workspaceId,
              other.userId,
              other.memberId,
              other.channelId,
              other.callId,
            ]) {
              expect(text).not.toContain(secret);
            }
            const own = turned ? second : first;
            if (text.includes(own.workspaceId) || text.includes(own.mark)) answered += 1;
          },
        ),
        { numRuns: 120, seed: 108 },
      );
      expect(answered).toBeGreaterThan(20);
    },
  );
});
