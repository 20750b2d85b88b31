import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { testAdminSecret } from "../../../support/gateway.ts";
import { connectRaw, postRaw, readRaw, type RawHeaders } from "../../../support/raw-http.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";
import { waitFor } from "../../../support/wait-for.ts";

let house: TestHouse;
let mine: Tenant;

beforeAll(async () => {
  house = await startTestHouse();
  mine = await createTenant(house.test.database, "mine");
}, 120_000);

afterAll(() => house.stop());

const admin: RawHeaders = [["x-hasura-admin-secret", testAdminSecret]];
const limit = 1024 * 1024;

const error = (code: string, message: string): unknown => ({
  errors: [{ message, extensions: { path: "$", code } }],
});
const tooLarge = error("payload-too-large", `the request body is larger than ${String(limit)} bytes`);
const unreadable = error("bad-request", "the request body could not be read");
const ambiguous = error("bad-request", "a member of the request stands in it twice");
const invalidJson = error("invalid-json", "invalid json");
const notHttp = error("bad-request", "the request is no HTTP");

describe.each(doorKinds)("at the door of the %s engine", (kind) => {
  const url = (): string => house.doors[kind].url;
  const good = (): string =>
    `{"query":"{ workspaces(where: {id: {_eq: \\"${mine.workspaceId}\\"}}) { id } }"}`;
  const rows = (): unknown => ({ data: { workspaces: [{ id: mine.workspaceId }] } });

  const ask = async (
    body: string | Buffer,
    headers: RawHeaders = [],
  ): Promise<readonly [status: number, body: unknown]> => {
    const { status, text } = await postRaw(url(), [...admin, ...headers], body);
    return [status, JSON.parse(text)];
  };

  it("ten megabytes are refused before they are read, announced or in chunks, and the answer arrives", async () => {
    const large = Buffer.alloc(10 * 1024 * 1024, 32);
    expect(await ask(large)).toEqual([413, tooLarge]);
    const chunked = connectRaw(url());
    chunked.write(
      `POST /v1/graphql HTTP/1.1\r\nhost: x\r\nx-hasura-admin-secret: ${testAdminSecret}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    for (let sent = 0; sent < 10; sent += 1) {
      chunked.write("100000\r\n");
      chunked.write(Buffer.alloc(1024 * 1024, 32));
      chunked.write("\r\n");
    }
    chunked.write("0\r\n\r\n");
    await waitFor("the end of the connection", () => chunked.isClosed);
    const answer = readRaw(chunked.received);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([413, tooLarge]);
    expect(await ask(good())).toEqual([200, rows()]);
  });

  it("somebody unknown who sends ten megabytes is told who he is not", async () => {
    const { status, text } = await postRaw(
      url(),
      [["authorization", "Bearer a.b"]],
      Buffer.alloc(10 * 1024 * 1024, 32),
    );
    expect([status, JSON.parse(text)]).toMatchObject([
      200,
      { errors: [{ extensions: { code: "invalid-jwt" } }] },
    ]);
  });

  it("a bomb is refused by what it unfolds to", async () => {
    const bomb = Buffer.alloc(200 * 1024 * 1024, 32);
    for (const [encoding, body] of [
      ["gzip", gzipSync(bomb)],
      ["deflate", deflateSync(bomb)],
      ["br", brotliCompressSync(Buffer.alloc(20 * 1024 * 1024, 32))],
    ] as const) {
      expect(body.length).toBeLessThan(limit);
      expect(await ask(body, [["content-encoding", encoding]])).toEqual([413, tooLarge]);
    }
    expect(await ask(gzipSync(good()), [["content-encoding", "gzip"]])).toEqual([200, rows()]);
  }, 120_000);

  it("a compression that is none, or is another, cannot be read", async () => {
    const zipped = gzipSync(good());
    for (const [encoding, body] of [
      ["gzip", Buffer.from(good())],
      ["gzip", zipped.subarray(0, zipped.length - 8)],
      ["gzip, gzip", gzipSync(zipped)],
      ["compress", zipped],
      ["constructor", Buffer.from(good())],
      ["__proto__", Buffer.from(good())],
      ["", Buffer.from(good())],
    ] as const) {
      expect([encoding, ...(await ask(body, [["content-encoding", encoding]]))]).toEqual([
        encoding,
        400,
        unreadable,
      ]);
    }
  });

  it("bytes that are no UTF-8, or are said to be something else, cannot be read", async () => {
    const broken = Buffer.from(good());
    broken[12] = 0xff;
    expect(await ask(broken)).toEqual([400, unreadable]);
    expect(await ask(Buffer.from(good(), "utf16le"))).toEqual([200, invalidJson]);
    for (const type of [
      "application/json; charset=utf-7",
      "application/json; charset=utf-16le",
      'application/json; charset="iso-8859-1"',
      "application/json; charset=utf-8; charset=utf-7",
      'application/json; charset="ut\\f-7"',
    ]) {
      const { status, text } = await postRaw(
        url(),
        [...admin, ["content-type", type]],
        good(),
        undefined,
        [],
      );
      expect([type, status, JSON.parse(text)]).toEqual([type, 400, unreadable]);
    }
  });

  it("the type of the content is not asked for, as Hasura does not ask", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      'application/json; charset="UTF-8"',
      "nonsense",
    ]) {
      const { status, text } = await postRaw(
        url(),
        [...admin, ["content-type", type]],
        good(),
        undefined,
        [],
      );
      expect([type, status, JSON.parse(text)]).toEqual([type, 200, rows()]);
    }
    const { status, text } = await postRaw(url(), admin, good(), undefined, []);
    expect([status, JSON.parse(text)]).toEqual([200, rows()]);
  });

  it.each([
    "",
    "{",
    "nothing",
    '{"query":"{ a }"',
    '{"query":"{ a }"}}',
    "\u0000",
    "\ufeff{}",
    '{"query":NaN}',
  ])("what is no JSON is told so: %j", async (body) => {
    expect(await ask(body)).toEqual([200, invalidJson]);
  });

  it.each(["[]", "1", "null", '"x"', "{}", '{"query":1}', '{"query":"{ a }","variables":[]}', "[[]]", "[1]"])(
    "what holds no request is answered by the engine: %s",
    async (body) => {
      const [status, answer] = await ask(body);
      if (body === "[]") expect([status, answer]).toEqual([200, []]);
      else
        expect([status, answer]).toMatchObject([200, { errors: [{ extensions: { code: "parse-failed" } }] }]);
    },
  );

  it("a member that stands there twice, however it is spelt, is refused; in variables it is a value", async () => {
    for (const body of [
      '{"query":"{ a }","query":"{ b }"}',
      '{"query":"{ a }","qu\\u0065ry":"{ b }"}',
      '{"query":"{ a }","operationName":"A","operationName":"B"}',
      '{"query":"{ a }","variables":{},"variables":{}}',
      '[{"query":"{ a }"},{"query":"{ a }","query":"{ b }"}]',
    ]) {
      expect([body, ...(await ask(body))]).toEqual([body, 400, ambiguous]);
    }
    const twice = `{"query":"query ($id: uuid!) { workspaces(where: {id: {_eq: $id}}) { id } }","variables":{"id":"x","id":"${mine.workspaceId}"}}`;
    expect(await ask(twice)).toEqual([200, rows()]);
  });

  it("two lengths, or a length and chunks, are no HTTP", async () => {
    for (const head of [
      "content-length: 5\r\ncontent-length: 6",
      "content-length: 5\r\ntransfer-encoding: chunked",
      "transfer-encoding: chunked\r\ntransfer-encoding: x",
      "content-length: -1",
      "content-length: 0x5",
      "content-length : 5",
      "a\u0000b: c",
    ]) {
      const raw = connectRaw(url());
      raw.write(`POST /v1/graphql HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\nhello`);
      await waitFor(`the end of the connection after ${head}`, () => raw.isClosed);
      const { status, body } = readRaw(raw.received);
      expect([head, status, JSON.parse(body)]).toEqual([head, 400, notHttp]);
    }
    expect(await ask(good())).toEqual([200, rows()]);
  });
});
