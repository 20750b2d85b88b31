import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import {
  freePort,
  ownSettings,
  postmasterPid,
  removeData,
  startCommand,
  startThroughNpm,
  type StartedCommand,
} from "../support/start-command.ts";
import { waitFor } from "../support/wait-for.ts";

let dataDir: string;
let env: Awaited<ReturnType<typeof ownSettings>>;

beforeAll(async () => {
  env = await ownSettings("start");
  dataDir = env.DATA_DIR;
});

afterAll(async () => {
  await removeData(dataDir);
});

const gatewayUrl = (): string => `http://127.0.0.1:${env.PORT}`;

/** Sends the request of the printed curl command. */
async function askPrinted(output: string): Promise<unknown> {
  const token = /authorization: Bearer (\S+)'/u.exec(output)?.[1] ?? "";
  const body = /-d '(\{.*\})'/u.exec(output)?.[1] ?? "";
  const response = await fetch(`${gatewayUrl()}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body,
  });
  return response.json();
}

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

const started: StartedCommand[] = [];
const start = (settings: Readonly<Record<string, string>>): StartedCommand => {
  const command = startCommand(settings);
  started.push(command);
  return command;
};

afterEach(async () => {
  for (const { child, exited } of started.splice(0)) {
    child.kill("SIGKILL");
    await exited();
  }
});

/** What the printed query answers, without the API calls: asking is one. */
const usageOf = async (command: StartedCommand): Promise<readonly { readonly metric: string }[]> => {
  const answer = (await askPrinted(command.output())) as { data: { usage_current: { metric: string }[] } };
  return answer.data.usage_current.filter(({ metric }) => metric !== "api_calls");
};

describe("npm start", () => {
  it("prints a query that answers, stops without leaving Postgres, and finds its data again", async () => {
    const first = start(env);
    await first.ready();
    const answer = await usageOf(first);
    expect(answer.map(({ metric }) => metric)).toContain("messages");
    const pid = await postmasterPid(dataDir);
    const secret = /admin secret {2}(\S+)/u.exec(first.output())?.[1];
    first.child.kill("SIGTERM");
    expect(await first.exited()).toBe(0);
    await waitFor("Postgres to stop", () => gone(pid));

    const second = start(env);
    await second.ready();
    expect(second.output()).toContain("up to date");
    expect(/admin secret {2}(\S+)/u.exec(second.output())?.[1]).toBe(secret);
    expect(await usageOf(second)).toEqual(answer);
    second.child.kill("SIGINT");
    expect(await second.exited()).toBe(0);
  });

  it("takes Postgres along when it is killed, and recovers by itself", async () => {
    const first = start(env);
    await first.ready();
    const pid = await postmasterPid(dataDir);
    first.child.kill("SIGKILL");
    await first.exited();
    await waitFor("the orphan to stop", () => gone(pid));
    const second = start(env);
    await second.ready();
    second.child.kill("SIGTERM");
    expect(await second.exited()).toBe(0);
  });

  it.each(["SIGTERM", "SIGKILL"] as const)("leaves nothing behind when npm gets %s", async (signal) => {
    const command = startThroughNpm(env);
    started.push(command);
    await command.ready();
    const pid = await postmasterPid(dataDir);
    command.child.kill(signal);
    await command.exited();
    await waitFor("Postgres to stop", () => gone(pid), 30_000);
    await waitFor(
      "the owner's note to go",
      async () => !(await readdir(join(dataDir, "postgres"))).includes("owner.json"),
    );
  });

  it("says in one line that a port is taken, and exits with 1", async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(Number(env.PORT), "127.0.0.1", resolve));
    const command = start(env);
    expect(await command.exited()).toBe(1);
    expect(command.output()).toContain(
      `start: gateway: cannot listen on 127.0.0.1:${env.PORT}: the port is taken`,
    );
    await new Promise((resolve) => blocker.close(resolve));
  });

  const lastLine = (command: StartedCommand): string => command.output().trim().split("\n").at(-1) ?? "";

  it.each<
    [
      what: string,
      settings: (port: string) => Readonly<Record<string, string>>,
      line: (port: string) => string,
    ]
  >([
    [
      "an unreachable DATABASE_URL, without its password",
      (port) => ({ DATABASE_URL: `postgres://nobody:open@sesame@127.0.0.1:${port}/none` }),
      (port) => `start: database: 127.0.0.1:${port} cannot be used: nothing listens there (DATABASE_URL)`,
    ],
    [
      "an address of no database",
      () => ({ DATABASE_URL: "mysql://root:sesame@127.0.0.1/none" }),
      () => "start: DATABASE_URL: must be an address that begins with postgres://",
    ],
    [
      "an unreachable HASURA_URL, without its password",
      (port) => ({ HASURA_URL: `http://me:sesame@127.0.0.1:${port}/` }),
      (port) =>
        `start: hasura: http://127.0.0.1:${port} cannot be reached: nothing listens there (HASURA_URL)`,
    ],
    ["a wrong port", () => ({ PORT: "eighty" }), () => "start: PORT: must be a port, 0 to 65535"],
  ])("says in one line: %s, and exits with 1", async (_what, settings, line) => {
    const port = String(await freePort());
    const command = start({ ...env, ...settings(port) });
    expect(await command.exited()).toBe(1);
    expect(lastLine(command)).toBe(line(port));
    expect(command.output()).not.toContain("    at ");
    expect(command.output()).not.toContain("sesame");
  });

  it("says in one line that the data are of another PostgreSQL, and exits with 1", async () => {
    const other = await mkdtemp(join(tmpdir(), "hasura-usage-other-"));
    // Else the data of a server that root starts lie elsewhere.
    await chmod(other, 0o755);
    await mkdir(join(other, "postgres", "cluster"), { recursive: true });
    await writeFile(join(other, "postgres", "cluster", "PG_VERSION"), "13\n");
    const command = start({ ...env, DATA_DIR: other });
    expect(await command.exited()).toBe(1);
    expect(lastLine(command)).toMatch(
      /^start: .*postgres holds a PostgreSQL 13 cluster, this is PostgreSQL \d+: /u,
    );
    await rm(other, { recursive: true });
  });

  it("refuses a second start on the same data by name, and the first goes on", async () => {
    const first = start(env);
    await first.ready();
    const [PORT, ENGINE_PORT, ACTIONS_PORT] = await Promise.all([freePort(), freePort(), freePort()]);
    const second = start({
      ...env,
      PORT: String(PORT),
      ENGINE_PORT: String(ENGINE_PORT),
      ACTIONS_PORT: String(ACTIONS_PORT),
    });
    expect(await second.exited()).toBe(1);
    expect(lastLine(second)).toContain("is in use by another running process");
    expect(await askPrinted(first.output())).toHaveProperty("data.usage_current");
    first.child.kill("SIGTERM");
    expect(await first.exited()).toBe(0);
  });
});
