import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hasuraFolder } from "../src/cli/open-database.ts";
import { startTestServer } from "../src/testing/index.ts";
import { type StartSample, timeStart } from "./start/command.ts";
import { timeClone, timeEmbedded } from "./start/postgres.ts";
import {
  atMost,
  type BenchContext,
  type BenchReport,
  interleave,
  median,
  type Variant,
} from "./support/index.ts";

const rounds = 7;
const codeIsKeptAfterMs = 6_000;

/** Where root starts the server, its data lie outside of the folder, and a note in it says where. */
const removeData = async (dataDir: string): Promise<void> => {
  const noted = await readFile(join(dataDir, "postgres", "location"), "utf8").catch(() => "");
  if (noted.trim() !== "") await rm(dirname(noted.trim()), { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
};

/** The server that the tests run on, with its migrated database to clone. */
const withTemplate = async <T>(work: (serverUrl: string, template: string) => Promise<T>): Promise<T> => {
  const server = await startTestServer({
    migrations: join(hasuraFolder, "migrations"),
    seeds: join(hasuraFolder, "seeds"),
  });
  try {
    return await work(server.url, server.template);
  } finally {
    await server.stop();
  }
};

/** P9 and P10: what a person waits for. Warm means that packages, data and the compiled script are there. */
export const run = async ({ log }: BenchContext): Promise<BenchReport> => {
  const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-bench-data-"));
  try {
    return await withTemplate(async (serverUrl, template) => {
      log("first start, which makes the data and the compiled script");
      await timeStart("node", dataDir, codeIsKeptAfterMs);
      const variants: readonly Variant<StartSample>[] = [
        { name: "npm start, warm, to /healthz", measure: () => timeStart("npm start", dataDir) },
        { name: "the same without npm", measure: () => timeStart("node", dataDir) },
        { name: "embedded Postgres from the template, to the first query", measure: timeEmbedded },
        { name: "test database, file_copy", measure: () => timeClone(serverUrl, template, "file_copy") },
        { name: "test database, wal_log", measure: () => timeClone(serverUrl, template, "wal_log") },
      ];
      const measured = await interleave(variants, {
        rounds,
        onRound: (round) => {
          log(`round ${String(round)} of ${String(rounds)}`);
        },
      });
      const wall = (name: string): number => measured.median(name, ({ wallMs }) => wallMs);
      const rows = variants.map(({ name }) => {
        const samples = measured.samples(name);
        const walls = samples.map(({ wallMs }) => wallMs);
        const cpu = samples.flatMap(({ cpuMs }) => (cpuMs === null ? [] : [cpuMs]));
        return {
          what: name,
          medianMs: median(walls),
          fastestMs: Math.min(...walls),
          slowestMs: Math.max(...walls),
          cpuMs: cpu.length === 0 ? null : median(cpu),
        };
      });
      return {
        rows,
        goals: [
          atMost("P9", "embedded Postgres to the first query, ms", 600, wall(variants[2]?.name ?? "")),
          atMost("P9", "a fresh test database, ms", 80, wall(variants[3]?.name ?? "")),
          atMost("P10", "npm start to /healthz, warm, ms", 2_000, wall(variants[0]?.name ?? "")),
        ],
      };
    });
  } finally {
    await removeData(dataDir);
  }
};
