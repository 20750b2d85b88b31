import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Product, startProduct } from "../../src/cli/product.ts";
import { signToken } from "../../src/cli/sample.ts";
import { readSettings, type Settings } from "../../src/cli/settings.ts";
import { type Logger, silentLogger, systemClock } from "../../src/core/index.ts";
import { createTestDatabase } from "./database.ts";

export interface GraphQLAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

export interface TestProduct extends Product {
  readonly settings: Settings;
  /** Sends one document through the gateway. */
  ask(headers: Readonly<Record<string, string>>, query: string, variables?: object): Promise<GraphQLAnswer>;
  asAdmin(query: string, variables?: object): Promise<GraphQLAnswer>;
  /** Headers of a signed token; `role` is the role of the request. */
  tokenFor(
    identity: { userId: string; workspaceId?: string },
    role?: string,
  ): Promise<Readonly<Record<string, string>>>;
}

/** The whole product on free loopback ports over a database of its own, with settings beside these. */
export async function startTestProduct(
  given: Readonly<Record<string, string>> = {},
  logger: Logger = silentLogger,
): Promise<TestProduct> {
  const test = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-test-"));
  // Tests ask faster than any plan allows; those that are about rates and API calls say so themselves.
  await test.database.query("update billing.plans set rate_limit_per_minute = 1000000000");
  await test.database.query("update billing.plan_limits set limit_value = null where metric = 'api_calls'");
  const settings = readSettings({
    RATE_LIMIT_PER_ADDRESS: "1000000000",
    PORT: "0",
    ENGINE_PORT: "0",
    ACTIONS_PORT: "0",
    DATA_DIR: dataDir,
    DATABASE_URL: test.url,
    ...given,
  });
  const product = await startProduct({
    settings,
    clock: systemClock,
    logger,
    onStep: () => undefined,
  });
  const ask: TestProduct["ask"] = async (headers, query, variables) => {
    const response = await fetch(`${product.urls.gateway}/v1/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as GraphQLAnswer;
  };
  return {
    ...product,
    settings,
    ask,
    asAdmin: (query, variables) =>
      ask({ "x-hasura-admin-secret": settings.secrets.adminSecret }, query, variables),
    tokenFor: async (identity, role = "user") => ({
      authorization: `Bearer ${await signToken(settings.secrets.jwtSecret, identity, [role as "user"])}`,
    }),
    stop: async () => {
      await product.stop();
      await test.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
