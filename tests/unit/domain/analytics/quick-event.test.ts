import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readBySchema } from "../../../../src/domain/analytics/plain-event.ts";
import { readQuickly } from "../../../../src/domain/analytics/quick-event.ts";
import { findUnstorable } from "../../../../src/domain/analytics/storable.ts";

const makeId = (): string => "made";

const keys = [
  ["id", "event_id", "eventId"],
  ["source"],
  ["event_type", "type", "name", "eventType"],
  ["event_category", "category"],
  ["event_data", "data", "properties"],
  ["timestamp", "time"],
  ["subject"],
  ["session_id", "sessionId"],
  ["anonymous_id"],
  ["channel_id", "channelId"],
  ["platform"],
  ["app_version"],
  ["workspace_id"],
  ["user_id", "userId"],
  ["unknown", "__proto__", "constructor"],
].flat();

const texts = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 10 }),
  fc.constantFrom("", "\u0000", "\ud800", "😀", "x".repeat(50), "x".repeat(51), "x".repeat(256)),
);
const moments = fc.oneof(
  fc
    .date({
      min: new Date("1969-12-30T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    "2026-02-30T00:00:00.000Z",
    "2026-02-29T00:00:00.000Z",
    "2024-02-29T24:00:00.000Z",
    "2024-02-29T23:59:60.000Z",
    "2024-13-01T00:00:00.000Z",
    "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00.000+02:00",
    "2024-01-01 00:00:00.000Z",
    "1969-12-31T23:59:59.999Z",
    "0000-01-01T00:00:00.000Z",
  ),
  fc.constantFrom(0, -1, 1.5, 253_402_300_799_999, 253_402_300_800_000, Number.NaN, Number.MAX_SAFE_INTEGER),
);
const values = fc.oneof(
  texts,
  moments,
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  fc.constantFrom(null, undefined, true, 7, {}, []),
);
const anyEvent = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...keys), values), { selector: ([key]) => key, maxLength: 8 })
  .map((entries) => Object.fromEntries(entries));

const short = fc.string({ minLength: 1, maxLength: 40 });
const ordinary = fc.record(
  {
    id: fc.uuid(),
    source: short,
    type: short,
    category: short,
    data: fc.jsonValue(),
    timestamp: fc
      .date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true })
      .map((date) => date.toISOString()),
    sessionId: short,
    channel_id: fc.uuid(),
    user_id: fc.uuid(),
  },
  { requiredKeys: ["type"] },
);

describe("reading a plain event by hand", () => {
  it("gives what the schema gives, or leaves it to the schema", () => {
    fc.assert(
      fc.property(fc.oneof(anyEvent, ordinary), (event) => {
        const quick = readQuickly(event, makeId);
        if (quick !== undefined) expect({ draft: quick }).toEqual(readBySchema(event, makeId));
      }),
      { numRuns: 3_000 },
    );
  });

  it("needs no schema for what clients send", () => {
    fc.assert(fc.property(ordinary, (event) => readQuickly(event, makeId) !== undefined));
  });

  it("leaves two spellings of a field, even of null, to the schema, which refuses them", () => {
    for (const event of [
      { type: "a", name: "b" },
      { type: "a", id: null, eventId: "b" },
      { type: "a", data: 1, properties: null },
    ]) {
      expect(readQuickly(event, makeId)).toBeUndefined();
      expect(readBySchema(event, makeId)).toHaveProperty("error");
    }
  });
});

describe("looking for what cannot be stored", () => {
  it.each([
    [{ a: [1, { b: "x\u0000" }] }, "d.a.1.b", "invalid-text"],
    [{ a: "\ud800" }, "d.a", "invalid-text"],
    [{ "k\ud800": 1 }, "d", "invalid-text"],
    [{ a: 2 ** 53 }, "d.a", "number-out-of-range"],
    [{ a: [Number.POSITIVE_INFINITY] }, "d.a.0", "number-out-of-range"],
    ["\udc00", "d", "invalid-text"],
  ])("%j: where and what", (value, path, code) => {
    expect(findUnstorable(value, "d")).toMatchObject({ path, code });
  });

  it("passes pairs of surrogates, and any depth but too deep", () => {
    let deep: unknown = "😀";
    for (let level = 0; level < 20; level += 1) deep = { d: deep };
    expect(findUnstorable(deep, "")).toBeNull();
    expect(findUnstorable([deep], "")).toMatchObject({ code: "too-deep" });
  });
});
