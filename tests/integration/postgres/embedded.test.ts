import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createDatabase, type EmbeddedPostgres, startEmbeddedPostgres } from "../../../src/postgres/index.ts";

let dataDir: string;
let running: EmbeddedPostgres[];
let children: ChildProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-embedded-"));
  running = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const server of running) await server.stop();
  // A server whose owner was killed ends by itself a moment later and still writes until then.
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const start = async (port?: number): Promise<EmbeddedPostgres> => {
  const server = await startEmbeddedPostgres({
    dataDir,
    logger: silentLogger,
    ...(port === undefined ? {} : { port }),
  });
  running.push(server);
  return server;
};

const ask = async (url: string, text: string): Promise<readonly unknown[]> => {
  const database = createDatabase({ connectionString: url, maxConnections: 1 });
  try {
    return await database.query(text);
  } finally {
    await database.close();
  }
};

const startChild = async (): Promise<{ child: ChildProcess; url: string }> => {
  const root = join(import.meta.dirname, "..", "..", "..");
  const loader = pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;
  const child = spawn(
    process.execPath,
    ["--import", loader, join(import.meta.dirname, "embedded-child.ts"), dataDir],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "" },
    },
  );
  children.push(child);
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      resolve(chunk.toString().trim());
    });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.on("close", () => {
      reject(new Error(`the child ended early: ${said}`));
    });
  });
  return { child, url };
};

const postmasterPid = async (): Promise<number> => {
  const text = await readFile(join(dataDir, "cluster", "postmaster.pid"), "utf8").catch(() => "");
  return Number(text.split("\n")[0]);
};

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

const waitUntil = async (condition: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> => {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await delay(25);
  }
};

describe("startEmbeddedPostgres", () => {
  it("answers in UTF-8 on 127.0.0.1 only, with a password, and keeps its data", async () => {
    const first = await start();
    expect(await ask(first.url, "show server_encoding")).toEqual([{ server_encoding: "UTF8" }]);
    expect(await ask(first.url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    await ask(first.url, "create table kept (id int)");
    const open = new URL(first.url);
    open.password = "wrong";
    await expect(ask(open.href, "select 1")).rejects.toMatchObject({ kind: "unavailable" });
    const pid = await postmasterPid();
    await first.stop();
    await first.stop();
    expect(isGone(pid)).toBe(true);
    const second = await start();
    expect(await ask(second.url, "select count(*)::int as n from kept")).toEqual([{ n: 0 }]);
  });

  it("refuses a data directory of another version in one line", async () => {
    await mkdir(join(dataDir, "cluster"));
    await writeFile(join(dataDir, "cluster", "PG_VERSION"), "13\n");
    await expect(start()).rejects.toMatchObject({
      code: "data-directory-version",
      message: expect.stringMatching(/PostgreSQL 13 .*move it away[^\n]*$/),
    });
  });

  it("refuses a taken port and a data directory in use by name", async () => {
    const first = await start();
    await expect(start()).rejects.toMatchObject({ code: "data-directory-in-use" });
    const other = await mkdtemp(join(tmpdir(), "hasura-usage-embedded-"));
    const second = startEmbeddedPostgres({ dataDir: other, port: first.port, logger: silentLogger });
    await expect(second).rejects.toMatchObject({ code: "port-in-use" });
    await rm(other, { recursive: true });
    expect(await ask(first.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("belongs to exactly one of three processes that start on an empty folder at once", async () => {
    const starts = await Promise.allSettled([startChild(), startChild(), startChild()]);
    const urls = starts.flatMap((result) => (result.status === "fulfilled" ? [result.value.url] : []));
    const refusals = starts.flatMap((result) =>
      result.status === "rejected" ? [String(result.reason)] : [],
    );
    expect(urls).toHaveLength(1);
    expect(await ask(urls[0] ?? "", "select 1 as one")).toEqual([{ one: 1 }]);
    expect(refusals).toHaveLength(2);
    for (const refusal of refusals) expect(refusal).toContain("is in use by another running process");
  });

  it("does not outlive a killed process", async () => {
    const { child } = await startChild();
    const pid = await postmasterPid();
    expect(isGone(pid)).toBe(false);
    child.kill("SIGKILL");
    await waitUntil(() => isGone(pid));
    const next = await start();
    expect(await ask(next.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("ends an orphan of its own data directory, and is not misled by a recycled pid", async () => {
    const first = await start();
    await ask(first.url, "create table kept (id int)");
    const orphan = await postmasterPid();
    // As after a SIGKILL of the owner together with its watchdog.
    await writeFile(join(dataDir, "owner.json"), JSON.stringify({ pid: 2 ** 22 + 1 }));
    const second = await start();
    expect(isGone(orphan)).toBe(true);
    expect(await ask(second.url, "select count(*)::int as n from kept")).toEqual([{ n: 0 }]);
    await second.stop();
    await writeFile(join(dataDir, "cluster", "postmaster.pid"), `${String(process.pid)}\n`);
    const third = await start();
    expect(await ask(third.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  it("leaves nothing behind when the data is temporary", async () => {
    const server = await startEmbeddedPostgres({ dataDir, logger: silentLogger, temporary: true });
    await server.stop();
    await expect(stat(dataDir)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("keeps its data elsewhere and says where when its own folder is closed to the server's user", async () => {
    if (process.getuid?.() !== 0) return;
    const closed = dataDir;
    await chmod(closed, 0o700);
    dataDir = join(closed, "inner");
    const server = await start();
    expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    const location = (await readFile(join(dataDir, "location"), "utf8")).trim();
    await server.stop();
    expect((await stat(location)).isDirectory()).toBe(true);
    const again = await start();
    expect(await ask(again.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await again.stop();
    await rm(dirname(location), { recursive: true });
    dataDir = closed;
  });
});
