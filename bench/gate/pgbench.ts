import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

import { metric } from "./workload.ts";

const run = promisify(execFile);

/** pgbench on the path or where Debian's packages put it; undefined where it is not installed. */
export const findPgbench = (): string | undefined => {
  const packaged = "/usr/lib/postgresql";
  const versions = existsSync(packaged)
    ? readdirSync(packaged).map((name) => join(packaged, name, "bin"))
    : [];
  return [...(process.env["PATH"] ?? "").split(delimiter), ...versions]
    .map((folder) => join(folder, "pgbench"))
    .find((file) => existsSync(file));
};

export interface PgbenchResult {
  readonly requestsPerSecond: number;
  readonly requests: number;
}

/** The gate's function called with one request by a prepared statement, as fast as 16 clients without any server can. */
export const runPgbench = async (
  file: string,
  url: string,
  workspaces: readonly string[],
  options: { readonly clients: number; readonly seconds: number },
): Promise<PgbenchResult> => {
  const folder = await mkdtemp(join(tmpdir(), "hasura-usage-pgbench-"));
  try {
    const script = join(folder, "consume.sql");
    await writeFile(
      script,
      `\\set n random(1, ${String(workspaces.length)})
select usage.gate_many(jsonb_build_array(jsonb_build_object(
  'op', 'consume', 'workspaceId', (array['${workspaces.join("','")}'])[:n], 'metric', '${metric}', 'amount', '1',
  'idempotencyKey', gen_random_uuid()::text)));
`,
    );
    const { stdout } = await run(file, [
      ...["-n", "-M", "prepared", "-f", script],
      ...["-c", String(options.clients), "-j", "2", "-T", String(options.seconds)],
      url,
    ]);
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    const requests = /transactions actually processed: (\d+)/.exec(stdout)?.[1];
    if (tps === undefined || requests === undefined || !/failed transactions: 0 /.test(stdout))
      throw new Error(`pgbench said: ${stdout}`);
    return { requestsPerSecond: Number(tps), requests: Number(requests) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
