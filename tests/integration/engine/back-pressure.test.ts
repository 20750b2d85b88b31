import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";

import { type Database, silentLogger } from "../../../src/core/index.ts";
import { createEngine, type Engine, parseMetadata } from "../../../src/engine/index.ts";
import { createTestClock, type TestClock } from "../../../src/testing/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";

const metadata = parseMetadata({
  version: 3,
  sources: [
    {
      name: "default",
      kind: "postgres",
      configuration: { connection_info: { database_url: { from_env: "PG_DATABASE_URL" } } },
      tables: [{ table: { schema: "public", name: "notes" } }],
    },
  ],
});

const pollMs = 100;
const bodyBytes = 300_000;
/** What a client may have unread before it gets nothing more, and the result that crosses that line. */
const mostBuffered = 1024 * 1024 + bodyBytes + 10_000;
/** More than the buffers of both ends of a loopback connection hold, and the engine's beside. */
const rounds = 80;

let test: TestDatabase;
let clock: TestClock;
let engine: Engine;
let server: Server;
let statements = 0;
let accepted: Socket[] = [];
let clients: Client[] = [];

interface Client {
  readonly socket: WebSocket;
  readonly served: Socket;
  readonly seen: readonly { readonly id?: string; readonly type: string; readonly payload?: unknown }[];
}

const counted = (database: Database): Database => ({
  ...database,
  query: (text, values, options) => {
    statements += 1;
    return database.query(text, values, options);
  },
});

const open = async (): Promise<Client> => {
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${String(port)}/v1/graphql`, "graphql-transport-ws");
  const seen: Client["seen"][number][] = [];
  socket.on("message", (text: Buffer) => seen.push(JSON.parse(text.toString()) as Client["seen"][number]));
  await new Promise((resolve) => socket.once("open", resolve));
  const served = accepted.at(-1);
  if (served === undefined) throw new Error("nobody accepted the connection");
  socket.send('{"type":"connection_init"}');
  const client = { socket, served, seen };
  clients.push(client);
  await waitFor("the connection to be accepted", () => seen.some(({ type }) => type === "connection_ack"));
  return client;
};

const subscribe = ({ socket }: Client, id: string, query: string, variables: object = {}): void =>
  socket.send(JSON.stringify({ id, type: "subscribe", payload: { query, variables } }));

const results = ({ seen }: Client): readonly unknown[] =>
  seen.flatMap(({ type, payload }) =>
    type === "next" ? [(payload as { readonly data: unknown }).data] : [],
  );

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.query(
    "create table notes (id int primary key, mark text not null, body text not null)",
  );
});
afterAll(() => test.drop());

beforeEach(async () => {
  await test.database.query("truncate notes");
  clock = createTestClock();
  engine = await createEngine({
    metadata,
    database: counted(test.database),
    clock,
    logger: silentLogger,
    settings: { liveQueryIntervalMs: pollMs, streamIntervalMs: pollMs },
  });
  server = createServer(engine.handler);
  server.on("connection", (socket) => accepted.push(socket));
  engine.attachWebSocket(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const { socket } of clients) socket.terminate();
  clients = [];
  accepted = [];
  await engine.stop();
  await new Promise((resolve) => server.close(resolve));
});

const markOf = (result: unknown): string =>
  (result as { readonly notes: readonly { readonly mark: string }[] }).notes[0]?.mark ?? "";

describe("a client that does not read", () => {
  it("is sent no more than it can hold, keeps nobody waiting, and then gets the newest result", async () => {
    const live = "subscription { notes { mark body } }";
    await test.database.query("insert into notes values (1, '0', repeat('x', $1))", [bodyBytes]);
    const [idle, reader] = [await open(), await open()];
    for (const client of [idle, reader]) subscribe(client, "1", live);
    await waitFor("both to be answered", () => results(idle).length === 1 && results(reader).length === 1);
    idle.socket.pause();
    let buffered = 0;
    for (let round = 1; round <= rounds; round += 1) {
      await test.database.query("update notes set mark = $1", [String(round)]);
      clock.advance({ milliseconds: pollMs });
      await waitFor(
        `the reader to see change ${String(round)}`,
        () => markOf(results(reader).at(-1)) === String(round),
      );
      buffered = Math.max(buffered, idle.served.writableLength);
    }
    expect(results(reader)).toHaveLength(rounds + 1);
    expect(buffered).toBeGreaterThan(1024 * 1024);
    expect(buffered).toBeLessThan(mostBuffered);

    idle.socket.resume();
    await waitFor("the idle client to have read all", () => idle.served.writableLength === 0);
    await waitFor("the newest result", () => {
      clock.advance({ milliseconds: pollMs });
      return markOf(results(idle).at(-1)) === String(rounds);
    });
    expect(results(idle).length).toBeLessThan(rounds);
  }, 60_000);

  it("misses nothing of a stream, whose cursor waits for it", async () => {
    await test.database.query(
      "insert into notes select id, id::text, repeat('x', $1) from generate_series(1, $2::int) id",
      [bodyBytes, rounds],
    );
    const stream =
      "subscription { notes: notes_stream(cursor: { initial_value: { id: 0 } }, batch_size: 1) { mark body } }";
    const [idle, reader] = [await open(), await open()];
    idle.socket.pause();
    for (const client of [idle, reader]) subscribe(client, "1", stream);
    let buffered = 0;
    const turn = async (client: Client, count: number): Promise<void> => {
      await waitFor(`row ${String(count)}`, () => {
        if (results(client).length >= count) return true;
        clock.advance({ milliseconds: pollMs });
        return false;
      });
      buffered = Math.max(buffered, idle.served.writableLength);
    };
    await turn(reader, rounds);
    idle.socket.resume();
    await turn(idle, rounds);
    const all = Array.from({ length: rounds }, (_, index) => String(index + 1));
    expect(results(reader).map(markOf)).toEqual(all);
    expect(results(idle).map(markOf)).toEqual(all);
    expect(buffered).toBeLessThan(mostBuffered);
  }, 60_000);

  it("is let go when it answers no ping, and its subscription with it", async () => {
    await test.database.query("insert into notes values (1, '0', 'x')");
    const [idle, reader] = [await open(), await open()];
    for (const client of [idle, reader]) subscribe(client, "1", "subscription { notes { mark } }");
    await waitFor("both to be answered", () => results(idle).length === 1 && results(reader).length === 1);
    idle.socket.pause();
    for (let count = 1; count <= 2; count += 1) {
      const pinged = new Promise((resolve) => reader.socket.once("ping", resolve));
      clock.advance({ seconds: 30 });
      await pinged;
      // Answers come in order: with this one the engine has read the reader's pong.
      const before = reader.seen.filter(({ type }) => type === "pong").length;
      reader.socket.send('{"type":"ping"}');
      await waitFor("a pong", () => reader.seen.filter(({ type }) => type === "pong").length > before);
    }
    await waitFor("the idle client's connection to end", () => idle.served.destroyed);
    expect(reader.served.destroyed).toBe(false);
  });
});

describe("a thousand subscribers", () => {
  it("cost ten statements a turn and no memory that grows, and nothing when they are gone", async () => {
    const subscribers = 1_000;
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const heapMb = (): number => {
      collect();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    await test.database.query(
      "insert into notes select id, '0', repeat('x', 1000) from generate_series(1, $1::int) id",
      [subscribers],
    );
    let received = 0;
    for (let count = 0; count < 4; count += 1) {
      const { socket } = await open();
      socket.removeAllListeners("message");
      socket.on("message", (text: Buffer) => {
        if (text.includes('"next"')) received += 1;
      });
    }
    for (let id = 1; id <= subscribers; id += 1) {
      const client = clients[id % clients.length];
      if (client !== undefined) {
        subscribe(
          client,
          String(id),
          "subscription ($id: Int) { notes(where: { id: { _eq: $id } }) { mark body } }",
          { id },
        );
      }
    }
    await waitFor("all first answers", () => received === subscribers);
    const turn = async (mark: number): Promise<void> => {
      const before = received;
      await test.database.query("update notes set mark = $1", [String(mark)]);
      statements = 0;
      clock.advance({ milliseconds: pollMs });
      await waitFor("a change for everybody", () => received === before + subscribers);
    };
    for (let mark = 1; mark <= 5; mark += 1) await turn(mark);
    expect(statements).toBe(10);
    const warm = heapMb();
    // One kilobyte kept of every answer would be thirty megabytes.
    for (let mark = 6; mark <= 35; mark += 1) await turn(mark);
    expect(heapMb() - warm).toBeLessThan(15);

    for (const { socket } of clients) socket.terminate();
    await waitFor("the connections to end", () => accepted.every((socket) => socket.destroyed));
    // What was under way at the end may still be asked once.
    let before = -1;
    await waitFor("a turn without a statement", () => {
      const isQuiet = statements === before;
      before = statements;
      clock.advance({ milliseconds: 10 * pollMs });
      return isQuiet;
    });
  }, 60_000);
});
