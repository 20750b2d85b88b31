import { systemClock } from "../core/index.ts";
import { openLog } from "./log.ts";
import { startProduct } from "./product.ts";
import { readSettings } from "./settings.ts";
import { welcome } from "./welcome.ts";

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const log = openLog(settings, process.env, "hasura-usage");
  const startedAt = performance.now();
  let lastAt = startedAt;
  const product = await startProduct({
    settings,
    clock: systemClock,
    logger: log.logger,
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
    const stopAll = async (): Promise<void> => {
      await product.stop();
      await log.stop();
    };
    stopAll().then(
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
  const { gateway, hasura, actions } = product.urls;
  const text = await welcome({
    addresses: [
      ["gateway", `${gateway}/v1/graphql`],
      ...(hasura === undefined ? [] : [["hasura", `${hasura}/v1/graphql`] as const]),
      ["actions", actions],
    ],
    endpoint: gateway,
    secrets: settings.secrets,
    database: product.database,
  });
  console.log(text);
}

main().catch((error: unknown) => {
  console.error(`start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
