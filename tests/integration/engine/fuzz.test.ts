import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { createFuzzedEngine, type FuzzedEngine } from "../../fuzz/engine-under-fuzz.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
let engine: FuzzedEngine;

beforeAll(async () => {
  test = await createTestDatabase();
  engine = await createFuzzedEngine(test.database);
});

afterAll(async () => {
  await engine.stop();
  await test.drop();
});

describe("random operations of every role", () => {
  it("get an answer in bounded time, never one of the engine's own faults, with no value in a statement", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31 - 1), async (seed) => {
        expect(await engine.check(seed)).toEqual([]);
      }),
      { numRuns: 2_000, endOnFailure: true },
    );
  }, 240_000);
});
