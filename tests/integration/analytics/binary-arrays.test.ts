import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { timestamptzArray, uuidArray } from "../../../src/domain/analytics/binary-arrays.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});

it("is read by the server as its text would be", async () => {
  const ids = [randomUUID(), "00000000-0000-0000-0000-000000000000", "FFFFFFFF-0000-4000-8000-00000000000A"];
  const moments = [
    "1970-01-01T00:00:00.000Z",
    null,
    "1999-12-31T23:59:59.999Z",
    "2000-01-01T00:00:00.000Z",
    "2026-11-24T19:03:07.123Z",
    null,
    "9999-12-31T23:59:59.999Z",
  ];
  const [row] = await test.database.query<{ ids: boolean; plain: boolean; moments: boolean; empty: boolean }>(
    `select
       $1::uuid[] = $2::text[]::uuid[] as ids,
       $3::uuid[] = $2::text[]::uuid[] as plain,
       $4::timestamptz[] is not distinct from $5::text[]::timestamptz[] as moments,
       $6::uuid[] = '{}' and $7::timestamptz[] = '{}' as empty`,
    [
      uuidArray(ids),
      ids,
      uuidArray(ids.map((id) => id.replaceAll("-", ""))),
      timestamptzArray(moments),
      moments,
      uuidArray([]),
      timestamptzArray([]),
    ],
  );
  expect(row).toEqual({ ids: true, plain: true, moments: true, empty: true });
});
