import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import express, { type RequestHandler } from "express";
import { systemClock } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace } from "../../support/workspaces.ts";
import { ask, ok, type RunningGates, startGates } from "./plan-gates-support.ts";

const maxBytes = 1_000;

let test: TestDatabase;
let running: RunningGates;
let workspace: string;
/** What readers of a body came to. */
const readers: string[] = [];
/** How many handlers were reached: from then on a body is cut off rather than refused. */
let reached = 0;
const reach: RequestHandler = (_request, _response, next) => {
  reached += 1;
  next();
};

beforeAll(async () => {
  test = await createTestDatabase();
  workspace = (await createWorkspace(test.database)).id;
  await test.database.query("update billing.plans set max_file_bytes = $1 where id = 'free'", [maxBytes]);
  running = await startGates({
    database: test.database,
    // How long a refused client may linger is bounded by bytes alone here: a busy machine must not cut it off.
    clock: { ...systemClock, schedule: () => () => undefined },
    routes: (app, gates) => {
      const size = gates.checkFileUploadSize();
      app.post("/piped", size, reach, async (request, response) => {
        let read = 0;
        try {
          for await (const chunk of request) read += (chunk as Buffer).length;
          readers.push(`read ${String(read)}`);
          response.json({ ok: true, read });
        } catch (error) {
          readers.push((error as { code?: string }).code ?? "failed");
        }
      });
      app.post(
        "/parsed",
        size,
        reach,
        express.raw({ type: () => true, limit: "10mb" }),
        (request, response) => {
          response.json({ ok: true, read: (request.body as Buffer).length });
        },
      );
      app.post("/late", express.json(), size, ok);
      app.post(
        "/declared",
        express.json(),
        gates.checkFileUploadSize({
          sizeOf: (request) => (request.body as { sizeBytes?: number }).sizeBytes ?? null,
        }),
        ok,
      );
    },
  });
});
afterAll(async () => {
  await running.stop();
  await test.drop();
});

const upload = (path: string, bytes: number, headers: Record<string, string> = {}) =>
  ask(`${running.url}${path}`, workspace, { method: "POST", body: Buffer.alloc(bytes, 97), headers });

/** A body of unknown length, in pieces, by a client that sends its second when the handler is there, and stops when it is answered. */
const stream = (path: string, pieces: number, pieceBytes: number) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const handlers = reached;
    const request = httpRequest(`${running.url}${path}`, {
      agent: false,
      method: "POST",
      headers: { "x-session": workspace, "content-type": "application/octet-stream" },
    });
    let answered = false;
    request.on("response", (response) => {
      answered = true;
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    // A refused client may be cut off while it is still sending.
    request.on("error", (error) => {
      if (!answered) reject(error);
    });
    const write = (): Promise<void> =>
      new Promise((written) => {
        // A turn of the loop after each piece, in which an answer can be read.
        request.write(Buffer.alloc(pieceBytes, 97), () => setImmediate(written));
      });
    const send = async (): Promise<void> => {
      for (let sent = 0; sent < pieces && !answered; sent += 1) {
        await write();
        if (sent === 0) await waitFor("the handler", () => answered || reached > handlers);
      }
      if (!answered) request.end();
    };
    send().catch(reject);
  });

it("refuses with 413 a declared length that the plan does not allow, and names the plan that does", async () => {
  const { status, body } = await upload("/piped", maxBytes + 1);
  expect(status).toBe(413);
  expect(body).toEqual({
    code: "file-too-large",
    reason: "The plan Free allows files of 1000 bytes.",
    gate: "size",
    currentPlan: { id: "free", name: "Free" },
    upgrade: { planId: "starter", name: "Starter", priceCents: 800 },
    upgradeUrl: "https://example.com/upgrade",
    retryAfterSeconds: null,
    details: { kind: "size", maxBytes: 1_000, sizeBytes: 1_001 },
  });
});

it("lets a file through that is exactly as large as the plan allows, declared or not", async () => {
  expect(await upload("/piped", maxBytes)).toMatchObject({ status: 200, body: { read: maxBytes } });
  expect(await stream("/piped", 10, maxBytes / 10)).toMatchObject({ status: 200 });
  expect(await stream("/parsed", 10, maxBytes / 10)).toMatchObject({ status: 200 });
});

it.each([
  ["one byte more than allowed", 11, 91],
  ["much more than allowed", 400, 990],
])("cuts off a body of unknown length: %s", async (_what, pieces, pieceBytes) => {
  const before = readers.length;
  const { status, body } = await stream("/piped", pieces, pieceBytes);
  expect(status).toBe(413);
  expect(JSON.parse(body)).toMatchObject({
    code: "file-too-large",
    upgrade: { planId: "starter" },
    details: { kind: "size", maxBytes, sizeBytes: null },
  });
  await waitFor("the reader", () => readers.length > before);
  // A client that goes away when it is answered ends the reading first.
  expect(["file-too-large", "ECONNRESET"]).toContain(readers[before]);
  expect(readers).toHaveLength(before + 1);
});

it("cuts off whatever reads the body", async () => {
  expect(await stream("/parsed", 20, 100)).toMatchObject({ status: 413 });
});

it("cuts off a body that was there before the plan was read", async () => {
  const before = readers.length;
  const socket = connect(Number(new URL(running.url).port), "127.0.0.1");
  await once(socket, "connect");
  const body = "a".repeat(2_000);
  socket.write(
    `POST /piped HTTP/1.1\r\nhost: x\r\nx-session: ${workspace}\r\ntransfer-encoding: chunked\r\n\r\n` +
      `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /u);
  socket.destroy();
  expect(readers).toHaveLength(before);
});

it("goes on reading from a client that ignores its answer only within bounds", async () => {
  const handlers = reached;
  const socket = connect(Number(new URL(running.url).port), "127.0.0.1");
  await once(socket, "connect");
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  // The server closes while bytes are on their way.
  socket.on("error", () => undefined);
  const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${"a".repeat(bytes)}\r\n`;
  socket.write(
    `POST /piped HTTP/1.1\r\nhost: x\r\nx-session: ${workspace}\r\ntransfer-encoding: chunked\r\n\r\n${chunk(900)}`,
  );
  await waitFor("the handler", () => reached > handlers);
  let sent = 0;
  const flood = (): void => {
    if (socket.destroyed) return;
    sent += 65_536;
    socket.write(chunk(65_536), () => setImmediate(flood));
  };
  flood();
  await closed;
  // The bound, and what the sockets on the way hold.
  expect(sent).toBeLessThan(32 * 1_048_576);
});

it("gives a form room for its framing, and counts it as a whole", async () => {
  const type = { "content-type": "multipart/form-data; boundary=x" };
  expect((await upload("/parsed", maxBytes + 16_384, type)).status).toBe(200);
  expect((await upload("/parsed", maxBytes + 16_385, type)).status).toBe(413);
});

it("judges a size that is only named", async () => {
  const declare = (sizeBytes: unknown) =>
    ask(`${running.url}/declared`, workspace, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sizeBytes }),
    });
  expect((await declare(maxBytes)).status).toBe(200);
  expect(await declare(5_000_000_000)).toMatchObject({ status: 413, body: { upgrade: null } });
  for (const size of [null, -1, 1.5, "12"]) {
    expect(await declare(size)).toMatchObject({ status: 400, body: { code: "invalid-input" } });
  }
});

it("fails loudly behind a parser that has read the body, where it could not cut anything off", async () => {
  const answer = await ask(`${running.url}/late`, workspace, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(answer).toMatchObject({ status: 500, body: { code: "body-already-read" } });
});

it("sets no bound where the plan has none", async () => {
  await test.database.query("update billing.plans set max_file_bytes = null where id = 'free'");
  try {
    expect(await upload("/piped", 200_000)).toMatchObject({ status: 200, body: { read: 200_000 } });
  } finally {
    await test.database.query("update billing.plans set max_file_bytes = $1 where id = 'free'", [maxBytes]);
  }
});
