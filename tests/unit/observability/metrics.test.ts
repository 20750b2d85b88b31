import { type createServer } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import express from "express";
import { closeServer, listen, portOf } from "../../../src/cli/listen.ts";
import { AppError, silentLogger, systemClock } from "../../../src/core/index.ts";
import {
  collectDatabaseMetrics,
  createBoundedLabel,
  createMetricsRegistry,
  createMetricsRoute,
} from "../../../src/observability/index.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await closeServer(server, 0);
});

const serve = async (token: string | undefined): Promise<string> => {
  const app = express();
  app.get("/metrics", createMetricsRoute({ registry: createMetricsRegistry(), token, logger: silentLogger }));
  const server = await listen("metrics", app, 0, "127.0.0.1");
  servers.push(server);
  return `http://127.0.0.1:${String(portOf(server))}/metrics`;
};

describe("who may ask for metrics", () => {
  it("is the machine itself without a token, but nobody through a proxy on it", async () => {
    const url = await serve(undefined);
    expect((await fetch(url)).status).toBe(200);
    for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "via"]) {
      expect((await fetch(url, { headers: { [name]: "for=203.0.113.9" } })).status).toBe(403);
    }
  });

  it("is whoever has the token with one, wherever it comes from", async () => {
    const url = await serve("a-token-of-a-scraper");
    const ask = (authorization: string) =>
      fetch(url, { headers: { authorization, "x-forwarded-for": "203.0.113.9" } });
    expect((await ask("Bearer a-token-of-a-scraper")).status).toBe(200);
    expect((await ask("Bearer a-token-of-a-scrapes")).status).toBe(401);
    expect((await fetch(url)).status).toBe(401);
  });
});

it("keeps the values of a label few, and none that a client could have made", () => {
  const label = createBoundedLabel(2);
  expect(["a", "b", "c", "a", undefined, ""].map(label)).toEqual(["a", "b", "other", "a", "none", "none"]);
  const open = createBoundedLabel(10);
  expect(['x"} 1\n', "ü", "y".repeat(65)].map(open)).toEqual(["other", "other", "other"]);
});

it("says that the database is away, and shows none of its last figures", async () => {
  const registry = createMetricsRegistry();
  let asked = 0;
  let nowMs = 0;
  const gone = new AppError({ kind: "unavailable", code: "database-unavailable", message: "gone" });
  collectDatabaseMetrics({
    registry,
    database: {
      query: () => {
        asked += 1;
        return Promise.reject(gone);
      },
    },
    clock: { ...systemClock, now: () => new Date(nowMs) },
    logger: silentLogger,
  });
  const text = await registry.metrics();
  expect(text).toContain("hasura_usage_database_up 0");
  expect(text).toContain("hasura_usage_leases Nan");
  await registry.metrics();
  expect(asked).toBe(1);
  nowMs = 5_000;
  await registry.metrics();
  expect(asked).toBe(2);
});
