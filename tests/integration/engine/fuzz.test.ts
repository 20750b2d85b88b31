import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { createFuzzedEngine, type FuzzedEngine } from "../../fuzz/engine-under-fuzz.ts";
import { type Answer, judgeAnswer } from "../../fuzz/detectors.ts";
import { isLeaked, mark, markedNumber } from "../../fuzz/values.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
let engine: FuzzedEngine;

beforeAll(async () => {
  test = await createTestDatabase();
  // Time is what npm run fuzz bounds: here it would be that of whatever else the machine does.
  engine = await createFuzzedEngine(test.url, { planLimitMs: Number.POSITIVE_INFINITY });
});

afterAll(async () => {
  await engine.stop();
  await test.drop();
});

describe("random operations of every role", () => {
  it("get an answer, never one of the engine's own faults, with no value in a statement", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31 - 1), async (seed) => {
        expect((await engine.check(seed)).problems).toEqual([]);
      }),
      // Always the same ones: new ones are looked for by npm run fuzz, not by whoever lands next.
      { seed: 2_048, numRuns: 2_000, endOnFailure: true },
    );
    expect(await engine.leftovers()).toEqual([]);
  }, 240_000);
});

describe("what counts as misbehaviour", () => {
  const error = (message: string, code: string, more: object = {}): Answer => ({
    status: 200,
    text: JSON.stringify({ errors: [{ message, extensions: { path: "$", code, ...more } }] }),
  });

  it.each<[string, Answer]>([
    ["an error of SQL", error("database query error", "unexpected")],
    ["an error under Postgres's code", error("x", "postgres-error")],
    ["a fault of the engine's own", error("internal error", "unexpected")],
    ["no session left", error("The database cannot be reached.", "database-unavailable")],
    ["words of SQL", error('column "a" does not exist', "data-exception")],
    [
      "a statement that took too long",
      error("canceling statement due to statement timeout", "data-exception"),
    ],
    ["internals before a role that is no admin", error("x", "data-exception", { internal: {} })],
    ["an error without a code", { status: 200, text: '{"errors":[{"message":"x"}]}' }],
    ["an empty list of errors", { status: 200, text: '{"errors":[]}' }],
    ["no data and no errors", { status: 200, text: "{}" }],
    ["text that is no JSON", { status: 200, text: '{"data":' }],
    ["a status of its own", { status: 500, text: '{"data":{}}' }],
  ])("%s", (_, answer) => {
    expect(judgeAnswer(answer, "user").problems).toHaveLength(1);
  });

  it("is not: a refusal in Hasura's words, a value that does not fit, what a webhook said", () => {
    const refusals = [
      error("field 'x' not found in type: 'query_root'", "validation-failed"),
      error('invalid input syntax for type uuid: "select 1 from x"', "data-exception"),
      error("not a valid json response from webhook", "unexpected"),
    ];
    expect(refusals.flatMap((answer) => judgeAnswer(answer, "user").problems)).toEqual([]);
  });

  it("includes any marked value in the text of a statement", () => {
    expect(
      [`select '${mark.toUpperCase()}'`, `select ${String(markedNumber)}0`, "select $1"].map(isLeaked),
    ).toEqual([true, true, false]);
  });
});
