import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import {
  freePort,
  ownSettings,
  postmasterPid,
  removeData,
  startCommand,
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

describe("npm start", () => {
  it("prints a query that answers, stops without leaving Postgres, and finds its data again", async () => {
    const first = start(env);
    await first.ready();
    const answer = (await askPrinted(first.output())) as { data: { usage_current: { metric: string }[] } };
    expect(answer.data.usage_current.map(({ metric }) => metric)).toContain("messages");
    const pid = await postmasterPid(dataDir);
    const secret = /admin secret {2}(\S+)/u.exec(first.output())?.[1];
    first.child.kill("SIGTERM");
    expect(await first.exited()).toBe(0);
    await waitFor("Postgres to stop", () => gone(pid));

    const second = start(env);
    await second.ready();
    expect(second.output()).toContain("up to date");
    expect(/admin secret {2}(\S+)/u.exec(second.output())?.[1]).toBe(secret);
    expect(await askPrinted(second.output())).toEqual(answer);
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

  it("says in one line that DATABASE_URL cannot be reached, and exits with 1", async () => {
    const port = await freePort();
    const command = startCommand({
      ...env,
      DATABASE_URL: `postgres://nobody@127.0.0.1:${String(port)}/none`,
    });
    expect(await command.exited()).toBe(1);
    expect(command.output().trim().split("\n").at(-1)).toBe("start: The database cannot be reached.");
    expect(command.output()).not.toContain("    at ");
  });
});
