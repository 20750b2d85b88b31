import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { projectRoot } from "../../src/cli/settings.ts";
import type { Database } from "../../src/core/index.ts";
import { type Served, startServed } from "../support/index.ts";

const folder = join(projectRoot, "bench", "postgraphile");
const node = join(folder, "node_modules", "node", "bin", "node");

const install = (log: (line: string) => void): Promise<void> => {
  log("installing PostGraphile and its Node into bench/postgraphile, once");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const child = spawn(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0 && existsSync(node)) resolve();
      else reject(new Error("PostGraphile could not be installed: run npm ci in bench/postgraphile"));
    });
  });
};

/** The permission of the bench's role as PostGraphile knows it: row-level security. The other servers' user passes it by. */
const secureRows = (database: Database): Promise<void> =>
  database.transaction((tx) =>
    tx.script(`
drop role if exists bench_reader;
create role bench_reader;
grant usage on schema public to bench_reader;
grant select on public.messages, public.channels to bench_reader;
grant insert on public.messages to bench_reader;
alter table public.messages enable row level security;
alter table public.channels enable row level security;
create policy bench_read on public.channels
for select to bench_reader
using (workspace_id = current_setting('bench.workspace_id')::uuid);
create policy bench_read on public.messages
for select to bench_reader
using (workspace_id = current_setting('bench.workspace_id')::uuid and deleted_at is null);
create policy bench_write on public.messages
for insert to bench_reader
with check (
  workspace_id = current_setting('bench.workspace_id')::uuid
  and exists (select 1 from public.channels as c where c.id = channel_id)
);
`),
  );

/** PostGraphile 5 over the bench's database, from packages of its own that are fetched when it is first asked for. */
export const startPostGraphile = async (
  database: Database,
  url: string,
  log: (line: string) => void,
): Promise<Served> => {
  if (!existsSync(node)) await install(log);
  await secureRows(database);
  return startServed("bench/postgraphile/server.mjs", {
    env: { BENCH_SERVER_DATABASE_URL: url, GRAPHILE_ENV: "production" },
    execPath: node,
    plainFile: join(folder, "server.mjs"),
  });
};
