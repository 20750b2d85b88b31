import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import {
  createErrorReporter,
  type ErrorReporter,
  secretVariables,
  withErrorReports,
  wordsOfAddress,
} from "../../../src/observability/index.ts";
import { type Answer, type Receiver, startReceiver } from "../../support/receiver.ts";
import { waitFor } from "../../support/wait-for.ts";

const databaseUrl = "postgres://app:a-long%2Fpassword@db.internal/app";

let receiver: Receiver | undefined;
let reporter: ErrorReporter | undefined;
afterEach(async () => {
  await reporter?.stop();
  await receiver?.stop();
});

const start = async (answer?: Answer, path: (url: string) => string = (url) => url) => {
  receiver = await startReceiver(answer);
  const warnings: object[] = [];
  reporter = createErrorReporter({
    url: path(receiver.url),
    service: "test",
    secrets: wordsOfAddress(databaseUrl),
    clock: { ...systemClock, now: () => new Date(0) },
    logger: { ...silentLogger, warn: (context) => void warnings.push(context) },
  });
  return { receiver, reporter, warnings, logger: withErrorReports(silentLogger, reporter.report) };
};

describe("a report of an error", () => {
  it("has the error, its cause and plain words about it, without secrets and rows", async () => {
    const { logger, receiver } = await start(undefined, (url) =>
      url.replace("http://", "http://name:pass%20word@"),
    );
    const failed = Object.assign(new Error(`no answer from ${databaseUrl}`), {
      code: "23505",
      detail: "Key (email)=(somebody@example.test) already exists.",
    });
    logger.error(
      {
        err: new Error("outer", { cause: failed }),
        requestId: "r1",
        durationMs: 5,
        request: { headers: { authorization: "Bearer of-somebody" } },
        note: "hu_0123456789abcdefghij",
      },
      "failed",
    );
    const [request] = await waitFor("the report", () => receiver.requests.length > 0 && receiver.requests);
    expect(request?.headers.authorization).toBe(`Basic ${Buffer.from("name:pass word").toString("base64")}`);
    expect(JSON.parse(request?.body ?? "")).toEqual({
      time: "1970-01-01T00:00:00.000Z",
      service: "test",
      message: "failed",
      error: {
        type: "Error",
        code: "Error",
        message: "outer",
        stack: expect.stringContaining("error-reporter.test"),
        cause: {
          type: "Error",
          code: "23505",
          message: "no answer from [redacted]",
          stack: expect.not.stringContaining("password"),
        },
      },
      context: { requestId: "r1", durationMs: 5, note: "[redacted]" },
    });
  });

  it("holds nobody up: what comes faster than it is sent is counted", async () => {
    const open: ServerResponse[] = [];
    const { logger, receiver } = await start((response, _request, count) => {
      if (count === 1) open.push(response);
      else response.writeHead(204).end();
    });
    for (let index = 0; index < 150; index += 1) logger.error({ index }, "again");
    const [first] = await waitFor("the first", () => open.length > 0 && open);
    first?.writeHead(204).end();
    await waitFor("the rest", () => receiver.requests.length === 101);
    logger.error({}, "later");
    const last = await waitFor("the last", () => receiver.requests[101]);
    expect(JSON.parse(last.body)).toMatchObject({ message: "later", dropped: 49 });
  });

  it("is lost where the service refuses or redirects it, which the log is told once", async () => {
    const { logger, receiver, warnings } = await start((response, _request, count) => {
      if (count < 4) response.writeHead(count === 2 ? 302 : 500, { location: "/elsewhere" }).end();
      else response.writeHead(204).end();
    });
    for (let index = 0; index < 4; index += 1) logger.error({ index }, "again");
    await waitFor("all of them", () => receiver.requests.length === 4);
    expect(receiver.requests.map(({ path }) => path)).toEqual(["/hook", "/hook", "/hook", "/hook"]);
    expect(warnings).toHaveLength(1);
  });

  it("is still sent at the end", async () => {
    const { logger, receiver, reporter } = await start();
    logger.error({}, "last words");
    await reporter.stop();
    expect(receiver.requests).toHaveLength(1);
  });
});

it("knows variables that are secret by their names, and passwords in addresses", () => {
  expect(
    secretVariables({
      SLACK_TOKEN: "xoxb-0123456789",
      MY_API_KEY: "0123456789abcdef",
      OTHER_DB: databaseUrl,
      POSTGRES_PASSWORD: "postgres",
      PUBLIC_URL: "https://example.test/",
      MISSING: undefined,
    }),
  ).toEqual(["xoxb-0123456789", "0123456789abcdef", "a-long%2Fpassword", "a-long/password"]);
});
