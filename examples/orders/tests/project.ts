import { fileURLToPath } from "node:url";

import { startTestEngine, type TestEngine } from "hasura-usage/engine";

import { createHandlers } from "../handlers/app.ts";

const folder = (name: string): string => fileURLToPath(new URL(`../hasura/${name}`, import.meta.url));
const secret = "webhook secret of the tests";

/** The whole project as it is deployed, in this process. */
export const startProject = (): Promise<TestEngine> =>
  startTestEngine({
    metadata: folder("metadata"),
    migrations: folder("migrations"),
    seeds: folder("seeds"),
    webhooks: ({ database }) => createHandlers({ database, secret }),
    env: { HANDLERS_URL: "http://handlers.test", WEBHOOK_SECRET: secret },
    now: "2026-01-06T09:00:00Z",
  });

export const bakery = { "x-hasura-shop-id": "a0000000-0000-4000-8000-000000000000" };
export const books = { "x-hasura-shop-id": "b0000000-0000-4000-8000-000000000000" };
export const adasOrder = "a0000000-0000-4000-8000-000000000001";
export const cysOrder = "b0000000-0000-4000-8000-000000000001";
