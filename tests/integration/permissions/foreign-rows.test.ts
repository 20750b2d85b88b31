import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { type GraphQLAnswer, startTestProduct, type TestProduct } from "../../support/product.ts";
import { readTenantRows, secretsOf } from "../../support/tenant-rows.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { type Headers, mutationFields, queryFields, readSchema } from "./client-schema.ts";
import { type Pick, type Pool, randomUse } from "./random-document.ts";
import { boundRoles, roles } from "./surface.ts";

let product: TestProduct;

beforeAll(async () => {
  product = await startTestProduct();
});

afterAll(async () => {
  await product.stop();
});

let serial = 0;

/** Two tenants of their own for each test: a run of deletions leaves the next one nothing to find. */
async function createPair(): Promise<readonly [Tenant, Tenant]> {
  serial += 1;
  return [
    await createTenant(product.database, `zq-first-${String(serial)}-zq`),
    await createTenant(product.database, `zq-second-${String(serial)}-zq`),
  ];
}

const idsOf = (tenant: Tenant): readonly string[] => [
  tenant.workspaceId,
  tenant.userId,
  tenant.memberId,
  tenant.channelId,
  tenant.callId,
];

/** Texts that a column may hold, and the mark of the caller; never the other's, which must not come back. */
const poolOf = (own: Tenant, other: Tenant): Pool => ({
  ids: [...idsOf(own), ...idsOf(other)],
  texts: [
    own.mark,
    "member",
    "admin",
    "ready",
    "text",
    "%",
    "ai_queries",
    "messages",
    "2024-01",
    "somebody@example.com",
  ],
});

/** What an answer may not hold: a value of the other tenant that the document itself did not name. */
const leaked = (answer: GraphQLAnswer, document: string, secrets: readonly string[]): readonly string[] => {
  const text = JSON.stringify(answer);
  return secrets.filter((secret) => text.includes(secret) && !document.includes(secret));
};

/** An answer of a generator that knows types and nothing else; these say that the document was at fault. */
const faults = new Set([
  "validation-failed",
  "parse-failed",
  "permission-error",
  "constraint-violation",
  "usage-limit-exceeded",
  "feature-not-in-plan",
  "plan-required",
  "unknown-metric",
  "event-not-found",
  "reservation-not-found",
  "reservation-expired",
  "idempotency-conflict",
  "data-exception",
  "workspace-forbidden",
  "invalid-input",
  "row-metered",
  "webhook-not-found",
  "webhook-disabled",
  "webhook-url-not-allowed",
  "not-found",
  "not-supported",
]);

const pickFrom = (numbers: fc.Stream<number>): Pick => {
  return (below) => (numbers.next().value as number) % below;
};

const headersOf = async (tenant: Tenant, role: string): Promise<Headers> =>
  role === "anonymous" ? {} : product.tokenFor(tenant, role);

describe("random queries of two tenants", () => {
  it.each(roles.filter((role) => role !== "operator"))(
    "find no foreign row in any answer to role %s",
    async (role) => {
      const tenants = await createPair();
      const schema = await readSchema(product, await headersOf(tenants[0], role));
      const fields = queryFields(schema);
      const headers = [await headersOf(tenants[0], role), await headersOf(tenants[1], role)] as const;
      const secrets = await Promise.all(
        tenants.map(async (tenant) => secretsOf(await readTenantRows(product.database, tenant), tenant)),
      );
      const seen = { own: 0, answered: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.nat(fields.length - 1),
          fc.infiniteStream(fc.nat(999)),
          fc.boolean(),
          async (index, numbers, turned) => {
            const [own, other] = turned ? [tenants[1], tenants[0]] : tenants;
            const field = fields[index];
            if (field === undefined) return;
            const pick = pickFrom(numbers);
            const use = randomUse(field, 3, { schema, pool: poolOf(own, other), pick });
            if (use === null) return;
            const document = `{ ${use} }`;
            const answer = await product.ask(headers[turned ? 1 : 0], document);
            const foreign = secrets[turned ? 0 : 1] ?? [];
            expect({ document, leaked: leaked(answer, document, foreign) }).toEqual({ document, leaked: [] });
            const code = answer.errors?.[0]?.extensions["code"];
            if (code === undefined) seen.answered += 1;
            else if (!faults.has(String(code)))
              throw new Error(`${document} answers ${JSON.stringify(answer)}`);
            if ((secrets[turned ? 1 : 0] ?? []).some((known) => JSON.stringify(answer).includes(known))) {
              seen.own += 1;
            }
          },
        ),
        { numRuns: 250, seed: 108 },
      );
      expect(seen.answered).toBeGreaterThan(120);
      if (role !== "anonymous") expect(seen.own).toBeGreaterThan(20);
    },
  );
});

describe("random mutations of one tenant", () => {
  it.each(boundRoles)("change no row of another, sent by role %s", async (role) => {
    const [own, other] = await createPair();
    const headers = await headersOf(own, role);
    const schema = await readSchema(product, headers);
    const fields = mutationFields(schema);
    const before = await readTenantRows(product.database, other);
    const secrets = secretsOf(before, other);
    const pool = poolOf(own, other);
    const accepted = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(fields.length - 1), { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat(999)),
        async (indexes, numbers) => {
          const pick = pickFrom(numbers);
          for (const index of indexes) {
            const field = fields[index];
            // Deleting everything at once would leave the later documents nothing to change.
            if (field === undefined || (/^delete_.*(?<!_by_pk)$/u.test(field.name) && pick(4) > 0)) continue;
            const use = randomUse(field, 2, { schema, pool, pick });
            if (use === null) continue;
            const document = `mutation { ${use} }`;
            const answer = await product.ask(headers, document);
            expect({ document, leaked: leaked(answer, document, secrets) }).toEqual({ document, leaked: [] });
            const code = answer.errors?.[0]?.extensions["code"];
            if (code === undefined) accepted.add(field.name);
            else if (!faults.has(String(code)))
              throw new Error(`${document} answers ${JSON.stringify(answer)}`);
          }
          expect(await readTenantRows(product.database, other)).toEqual(before);
        },
      ),
      { numRuns: 120, seed: 108 },
    );
    expect(accepted.size).toBeGreaterThan(fields.length / 3);
  });
});
