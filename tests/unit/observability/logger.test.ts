import { describe, expect, it } from "@jest/globals";
import { type Logger, silentLogger } from "../../../src/core/index.ts";
import { createAppLogger, type ErrorReport, withErrorReports } from "../../../src/observability/index.ts";

const adminSecret = 'admin"secret\\with/marks';
const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
const apiKey = "hu_live_0123456789abcdefghij";
const databaseUrl = "postgres://someone:pa55word@db.internal:5432/app";

const logged = (write: (logger: Logger) => void): string => {
  const lines: string[] = [];
  write(
    createAppLogger({
      level: "debug",
      secrets: [adminSecret, ""],
      destination: { write: (line) => void lines.push(line) },
    }),
  );
  for (const line of lines) JSON.parse(line);
  return lines.join("");
};

const headers = {
  authorization: `Bearer ${token}`,
  cookie: "session=opaque-cookie-value; other=1",
  "x-api-key": apiKey,
  "x-hasura-admin-secret": "a-guessed-secret",
  "x-action-secret": "another-guess",
};

describe("no secret is in any line", () => {
  const ways: readonly (readonly [string, (logger: Logger) => void])[] = [
    ["headers of a request", (logger) => logger.info({ request: { headers } }, "asked")],
    ["headers in the text", (logger) => logger.warn({}, `failed: ${JSON.stringify(headers)}`)],
    [
      "an error with the statement",
      (logger) => logger.error({ err: new Error(`at ${databaseUrl} with ${adminSecret}`) }, "failed"),
    ],
    [
      "the cause of an error",
      (logger) =>
        logger.error(
          { err: new Error("outer", { cause: new Error(`Bearer ${token} ${apiKey}`) }) },
          "failed",
        ),
    ],
    ["a key of an object", (logger) => logger.debug({ [token]: { [adminSecret]: 1 } }, adminSecret)],
    [
      "fields by their name",
      (logger) => logger.info({ password: "hunter-2-secret", nested: { token: "opaque-token" } }, "x"),
    ],
    ["a list of cookies", (logger) => logger.info({ "set-cookie": ["a=opaque-cookie-value", "b=2"] }, "x")],
    ["a webhook's secret", (logger) => logger.info({ note: "whsec_AAAAAAAAAAAAAAAA" }, "x")],
  ];

  it.each(ways)("written as %s", (_way, write) => {
    const text = logged(write);
    expect(text).not.toBe("");
    const secrets = [
      adminSecret,
      JSON.stringify(adminSecret).slice(1, -1),
      token,
      "eyJ",
      apiKey,
      "pa55word",
      "opaque-cookie-value",
      "a-guessed-secret",
      "another-guess",
      "hunter-2-secret",
      "opaque-token",
      "AAAAAAAA",
    ];
    for (const secret of secrets) expect(text).not.toContain(secret);
  });

  it("and the rest of the line is left as it was", () => {
    const line = JSON.parse(
      logged((logger) => logger.info({ workspaceId: "w", tokens: 5, path: "/v1/graphql" }, "done")),
    ) as object;
    expect(line).toMatchObject({ workspaceId: "w", tokens: 5, path: "/v1/graphql", msg: "done" });
  });
});

it("has message and stack of an error under both of its names", () => {
  for (const name of ["err", "error"]) {
    const line = JSON.parse(
      logged((logger) => logger.warn({ [name]: new Error("broken") }, "failed")),
    ) as object;
    expect(line).toMatchObject({
      [name]: { type: "Error", message: "broken", stack: expect.stringContaining("logger.test") },
    });
  }
});

describe("reports of errors", () => {
  it("have the error and what was known about it, and never break the log", () => {
    const reports: ErrorReport[] = [];
    const logger = withErrorReports(silentLogger, (report) => {
      reports.push(report);
      throw new Error("the service for errors is down");
    });
    const error = new Error("broken");
    logger.error({ err: error, workspaceId: "w" }, "failed");
    logger.warn({ err: error }, "not that bad");
    expect(reports).toEqual([{ message: "failed", error, context: { err: error, workspaceId: "w" } }]);
  });
});
