import "./global-setup.ts";

export default async function globalTeardown(): Promise<void> {
  const run = globalThis.hasuraUsageTestRun;
  if (run === undefined) return;
  await run.template.drop();
  await run.server?.stop();
}
