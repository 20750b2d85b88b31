import { pino } from "pino";
import { systemClock } from "../core/index.ts";
import { type Product, startProduct } from "./product.ts";
import { readSampleUser, signToken } from "./sample.ts";
import { readSettings, type Settings } from "./settings.ts";

const query = "{ usage_current(order_by: {metric: asc}) { metric used limit_value percent status } }";

async function printWelcome(product: Product, settings: Settings): Promise<void> {
  const { gateway, hasura, actions } = product.urls;
  const lines = [
    "",
    `  gateway       ${gateway}/v1/graphql`,
    `  hasura        ${hasura}/v1/graphql`,
    `  actions       ${actions}`,
    `  admin secret  ${settings.secrets.adminSecret}`,
  ];
  const sample = await readSampleUser(product.database);
  if (sample !== null) {
    const token = await signToken(settings.secrets.jwtSecret, sample, ["user", "workspace_admin"]);
    lines.push(
      `  sample user   ${sample.displayName} of ${sample.workspaceName}`,
      `  token         ${token}`,
      "",
      "Ask for the usage of that workspace:",
      "",
      `curl -s ${gateway}/v1/graphql -H 'content-type: application/json' \\`,
      `  -H 'authorization: Bearer ${token}' \\`,
      `  -d '${JSON.stringify({ query })}'`,
    );
  }
  console.log([...lines, "", "Ctrl-C stops everything."].join("\n"));
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = pino({ level: settings.LOG_LEVEL }, pino.destination(2));
  const startedAt = performance.now();
  let lastAt = startedAt;
  const product = await startProduct({
    settings,
    clock: systemClock,
    logger,
    onStep: (step, detail) => {
      const now = performance.now();
      console.log(`${step.padEnd(10)} ${detail}  (${((now - lastAt) / 1000).toFixed(2)} s)`);
      lastAt = now;
    },
  });
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    product.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(`stop: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.on("SIGHUP", stop);
  console.log(`ready      in ${((performance.now() - startedAt) / 1000).toFixed(2)} s`);
  await printWelcome(product, settings);
}

main().catch((error: unknown) => {
  console.error(`start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
