import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { CloudEvent, HTTP } from "cloudevents";

import { type Caller } from "../../../src/gateway/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { countEvents, serveTrack, type TrackServer, userOf } from "./support.ts";

let test: TestDatabase;
let server: TrackServer;
let caller: Caller;
let workspace: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
  server = await serveTrack(test.database, () => caller);
}, 60_000);
afterAll(async () => {
  await server.stop();
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  caller = userOf(workspace.id, workspace.owner);
});

const stored = () =>
  test.database.query(
    `select event_id, name, category, source, user_id, session_id, subject, properties, attributes, occurred_at
     from analytics.events
     where workspace_id = $1
     order by event_id`,
    [workspace.id],
  );

describe("plain events", () => {
  it("are stored under the caller, whatever the body leaves out, and answered one by one", async () => {
    const { status, body } = await server.send([
      {
        id: "e-1",
        event_type: "button_clicked",
        event_category: "user_action",
        event_data: { button: "save", nested: { list: [1, 2.5, null, true] } },
        timestamp: new Date(Date.now() - 5_000).toISOString(),
        session_id: "s-1",
      },
      { event_type: "page_viewed", event_category: "page_view" },
    ]);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        success: true,
        tracked: 2,
        duplicates: 0,
        failed: 0,
        results: [
          { index: 0, id: "e-1", status: "accepted" },
          { index: 1, status: "accepted" },
        ],
      },
    });
    const rows = await stored();
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row["event_id"] === "e-1")).toMatchObject({
      name: "button_clicked",
      category: "user_action",
      source: "track",
      user_id: workspace.owner,
      session_id: "s-1",
      properties: { button: "save", nested: { list: [1, 2.5, null, true] } },
      attributes: null,
    });
  });

  it("may come alone, compressed, and in the spelling of JavaScript", async () => {
    const event = {
      eventId: "z",
      type: "x",
      sessionId: "s",
      data: { text: "tab\tline\nback\\slash \u{1F600}" },
    };
    const { status } = await server.post(gzipSync(JSON.stringify(event)), {
      "content-type": "application/json; charset=utf-8",
      "content-encoding": "gzip",
    });
    expect(status).toBe(200);
    expect(await stored()).toMatchObject([
      { event_id: "z", session_id: "s", properties: { text: "tab\tline\nback\\slash \u{1F600}" } },
    ]);
  });

  it("are not stored again when the batch is sent again, nor when it repeats itself", async () => {
    const events = [
      { id: "a", event_type: "x" },
      { id: "b", event_type: "x" },
      { id: "a", event_type: "x" },
      { id: "a", source: "/elsewhere", event_type: "x" },
    ];
    const first = await server.send(events);
    expect(first.body.results.map(({ status }) => status)).toEqual([
      "accepted",
      "accepted",
      "duplicate",
      "accepted",
    ]);
    const again = await server.send([
      ...events,
      { id: "c", event_type: "x", timestamp: new Date(Date.now() - 100 * 86_400_000).toISOString() },
    ]);
    expect(again.body).toMatchObject({ success: true, tracked: 1, duplicates: 4, failed: 0 });
    expect(await countEvents(test.database, workspace.id)).toBe(4);
  });

  it("without an id are recognised by the key of their request", async () => {
    const headers = { "content-type": "application/json", "idempotency-key": "request-1" };
    const events = [{ event_type: "x" }, { event_type: "x" }];
    expect((await server.send(events, headers)).body).toMatchObject({ tracked: 2 });
    expect((await server.send(events, headers)).body).toMatchObject({ tracked: 0, duplicates: 2 });
    expect((await server.send(events)).body).toMatchObject({ tracked: 2 });
    expect((await server.send(events, { ...headers, "idempotency-key": "" })).status).toBe(400);
  });

  it("fill the tables of details, and must be right for them", async () => {
    const { body } = await server.send([
      {
        id: "f",
        event_type: "export",
        event_category: "feature_usage",
        platform: "web",
        event_data: { usage_count: 3 },
      },
      {
        id: "p",
        event_type: "api_timing",
        event_category: "performance",
        event_data: { endpoint: "/api/x", method: "GET", status_code: 200, response_time_ms: 12.5 },
      },
      { id: "v", event_type: "lcp", event_category: "performance", event_data: { value: 1200 } },
      {
        id: "s",
        event_type: "search",
        event_category: "search",
        event_data: { query: "  Foo   BAR ", result_count: 4 },
      },
      {
        id: "w",
        event_type: "t",
        event_category: "performance",
        event_data: { endpoint: "/x", response_time_ms: "1" },
      },
    ]);
    expect(body).toMatchObject({ tracked: 4, failed: 1, invalidIndices: [4] });
    expect(body.results[4]).toMatchObject({ code: "invalid-event", path: "event_data.response_time_ms" });
    const [found] = await test.database.query(
      `select
         (select jsonb_build_array(feature_name, usage_count, platform) from analytics.feature_usage where workspace_id = $1) as feature,
         (select jsonb_build_array(endpoint, method, status_code, response_time_ms) from analytics.performance where workspace_id = $1) as performance,
         (select jsonb_build_array(query, query_normalized, result_count) from analytics.search_logs where workspace_id = $1) as search`,
      [workspace.id],
    );
    expect(found).toEqual({
      feature: ["export", 3, "web"],
      performance: ["/api/x", "GET", 200, 12.5],
      search: ["  Foo   BAR ", "foo bar", 4],
    });
  });
});

describe("CloudEvents 1.0", () => {
  const make = (more: object = {}) =>
    new CloudEvent({
      id: randomUUID(),
      source: "/orders/7",
      type: "order.paid",
      data: { total: 12 },
      ...more,
    });

  it("come in structured mode as the SDK writes them", async () => {
    const event = make({ id: "c-1", subject: "7", sessionid: "s-9", tenantplan: "pro" });
    const message = HTTP.structured(event);
    const { status, body } = await server.post(
      message.body as string,
      message.headers as Record<string, string>,
    );
    expect({ status, body }).toMatchObject({ status: 200, body: { tracked: 1, results: [{ id: "c-1" }] } });
    expect(await stored()).toMatchObject([
      {
        event_id: "c-1",
        source: "/orders/7",
        name: "order.paid",
        subject: "7",
        session_id: "s-9",
        properties: { total: 12 },
        attributes: { tenantplan: "pro" },
      },
    ]);
  });

  it("come in binary mode as the SDK writes them, and as text and bytes", async () => {
    const message = HTTP.binary(make({ id: "b-1" }));
    const json = await server.post(message.body as string, message.headers as Record<string, string>);
    expect(json.body).toMatchObject({ tracked: 1 });
    const headers = { "ce-specversion": "1.0", "ce-source": "/a%20b", "ce-type": "t" };
    await server.post("hello", { ...headers, "ce-id": "b-2", "content-type": "text/plain" });
    await server.post(Buffer.from([0, 255]), {
      ...headers,
      "ce-id": "b-3",
      "content-type": "application/octet-stream",
    });
    const rows = await stored();
    expect(rows).toMatchObject([{ event_id: "b-1", properties: { total: 12 } }]);
    // A source with a space, decoded from its header, is no URI reference.
    expect(rows).toHaveLength(1);
    const plain = { ...headers, "ce-source": "/a" };
    await server.post("hello", { ...plain, "ce-id": "b-2", "content-type": "text/plain" });
    await server.post(Buffer.from([0, 255]), {
      ...plain,
      "ce-id": "b-3",
      "content-type": "application/octet-stream",
    });
    expect(await stored()).toMatchObject([
      { event_id: "b-1" },
      { event_id: "b-2", properties: "hello", attributes: { datacontenttype: "text/plain" } },
      { event_id: "b-3", properties: "AP8=", attributes: { dataencoding: "base64" } },
    ]);
  });

  it("come in batches, each judged for itself by the specification", async () => {
    const good = { specversion: "1.0", id: "g", source: "/s", type: "t" };
    const faults: readonly (readonly [object, string])[] = [
      [{ ...good, specversion: "0.3" }, "specversion"],
      [{ ...good, id: "" }, "id"],
      [{ specversion: "1.0", source: "/s", type: "t" }, "id"],
      [{ ...good, source: undefined }, "source"],
      [{ ...good, type: 5 }, "type"],
      [{ ...good, time: "yesterday" }, "time"],
      [{ ...good, Upper: "x" }, "Upper"],
      [{ ...good, extension: { nested: true } }, "extension"],
      [{ ...good, data: 1, data_base64: "AA==" }, "data_base64"],
      [{ ...good, data_base64: "not base64!" }, "data_base64"],
      [{ event_type: "plain" }, "specversion"],
    ];
    const { body } = await server.send(
      [...faults.map(([event]) => event), { ...good, extension: null, data: [1] }],
      {
        "content-type": "application/cloudevents-batch+json; charset=UTF-8",
      },
    );
    expect(body).toMatchObject({ success: false, tracked: 1, failed: faults.length });
    expect(body.results.slice(0, -1).map(({ status, path }) => [status, path])).toEqual(
      faults.map(([, path]) => ["invalid", path]),
    );
    expect(await stored()).toMatchObject([{ event_id: "g", properties: [1], attributes: null }]);
  });

  it("keep to the mode that the content type says", async () => {
    const event = { specversion: "1.0", id: "m", source: "/s", type: "t" };
    const structured = { "content-type": "application/cloudevents+json" };
    expect((await server.send([event], structured)).status).toBe(400);
    expect((await server.send(event, { "content-type": "application/cloudevents-batch+json" })).status).toBe(
      400,
    );
    expect((await server.send([event])).body).toMatchObject({ tracked: 1 });
  });
});

describe("who asks", () => {
  it("is the only one an event can be of", async () => {
    const other = await createWorkspace(test.database);
    const { body } = await server.send([
      { id: "1", event_type: "x", workspace_id: other.id },
      { id: "2", event_type: "x", user_id: other.owner },
      { id: "3", event_type: "x", workspace_id: workspace.id.toUpperCase(), user_id: workspace.owner },
      { specversion: "1.0", id: "4", source: "/s", type: "t", workspaceid: other.id },
    ]);
    expect(body.results.map(({ status, code }) => code ?? status)).toEqual([
      "workspace-forbidden",
      "user-forbidden",
      "accepted",
      "workspace-forbidden",
    ]);
    expect(await countEvents(test.database, other.id)).toBe(0);
  });

  it("must be known, belong to a workspace that exists, and be allowed to", async () => {
    const address = "127.0.0.1";
    const anonymous = { address, workspaceId: undefined, userId: undefined, apiKeyId: undefined };
    const service = {
      address,
      kind: "service",
      role: "service",
      userId: undefined,
      apiKeyId: "k",
      expiresAt: undefined,
    } as const;
    const cases: readonly (readonly [Caller, number, string | undefined])[] = [
      [{ kind: "anonymous", role: "anonymous", ...anonymous }, 401, "unauthenticated"],
      [userOf(undefined, workspace.owner), 403, "workspace-forbidden"],
      [userOf("not-a-uuid", workspace.owner), 403, "workspace-forbidden"],
      [{ ...service, workspaceId: workspace.id, scopes: new Set(["graphql:read"]) }, 403, "scope-missing"],
      [{ ...service, workspaceId: workspace.id, scopes: new Set(["events:write"]) }, 200, undefined],
    ];
    for (const [who, status, code] of cases) {
      caller = who;
      const answer = await server.send({ event_type: "x" });
      expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
    }
    expect(await stored()).toMatchObject([{ user_id: null }]);
    caller = userOf(randomUUID(), workspace.owner);
    expect((await server.send({ event_type: "x" })).body.results).toMatchObject([
      { code: "workspace-forbidden" },
    ]);
  });

  it("owns the ids of its workspace and of no other", async () => {
    const id = randomUUID();
    await server.send({ id, event_type: "x" });
    const other = await createWorkspace(test.database);
    caller = userOf(other.id, other.owner);
    expect((await server.send({ id, event_type: "x" })).body).toMatchObject({ tracked: 1 });
  });
});

describe("hostile input", () => {
  const json = { "content-type": "application/json" };

  it("is refused as a whole only where nothing can be read", async () => {
    const cases: readonly (readonly [string | Buffer, Readonly<Record<string, string>>, number, string])[] = [
      ["{", json, 400, "bad-request"],
      ["", json, 400, "bad-request"],
      ["[]", json, 400, "bad-request"],
      ["5", json, 400, "bad-request"],
      [Buffer.from('{"event_type":"\xff"}', "latin1"), json, 400, "bad-request"],
      ["{}", { "content-type": "text/plain" }, 415, "unsupported-media-type"],
      ["{}", { "content-type": "application/json; charset=utf-16" }, 415, "unsupported-media-type"],
      ["{}", { ...json, "content-encoding": "lzma" }, 415, "unsupported-encoding"],
      ["not gzip", { ...json, "content-encoding": "gzip" }, 400, "bad-request"],
      [
        gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)),
        { ...json, "content-encoding": "gzip" },
        413,
        "payload-too-large",
      ],
      [Buffer.alloc(10 * 1024 * 1024, 32), json, 413, "payload-too-large"],
      [JSON.stringify(Array(1_001).fill({ event_type: "x" })), json, 413, "batch-too-large"],
    ];
    for (const [body, headers, status, code] of cases) {
      const answer = await server.post(body, headers);
      expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
    }
    expect(await countEvents(test.database, workspace.id)).toBe(0);
  });

  it("in one event costs no other", async () => {
    const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
    const events: readonly (readonly [string, string])[] = [
      ['{"event_type": "x", "event_data": {"n": 1e999}}', "number-out-of-range"],
      ['{"event_type": "x", "event_data": {"n": 12345678901234567890}}', "number-out-of-range"],
      ['{"event_type": "x", "event_data": {"t": "a\\u0000b"}}', "invalid-text"],
      ['{"event_type": "x", "event_data": {"\\ud800": 1}}', "invalid-text"],
      ['{"event_type": "a\\u0000"}', "invalid-event"],
      [`{"event_type": "x", "event_data": ${deep}}`, "too-deep"],
      [`{"event_type": "x", "event_data": ${JSON.stringify("y".repeat(70_000))}}`, "event-too-large"],
      [`{"event_type": ${JSON.stringify("y".repeat(300))}}`, "invalid-event"],
      ['{"event_type": "x", "__proto__": {"event_category": "y"}}', "unknown-field"],
      ['{"event_type": "x", "constructor": 1}', "unknown-field"],
      ['{"event_type": "x", "timestamp": "0001-01-01T00:00:00Z"}', "invalid-event"],
      ['{"event_type": "x", "timestamp": "2026-02-30T00:00:00Z"}', "invalid-event"],
      ['{"event_type": "x", "timestamp": "1999-01-01T00:00:00Z"}', "time-out-of-range"],
      ['{"event_type": "x", "timestamp": "9999-12-31T23:59:59Z"}', "time-out-of-range"],
      ['{"event_type": "x", "timestamp": 253402300799999}', "time-out-of-range"],
      ["null", "invalid-event"],
      ["[]", "invalid-event"],
      ['"x"', "invalid-event"],
      ["{}", "invalid-event"],
    ];
    const good = '{"event_type": "good", "event_data": {"__proto__": {"polluted": true}, "toJSON": 1}}';
    const { status, body } = await server.post(`[${[...events.map(([text]) => text), good].join(",")}]`);
    expect(status).toBe(200);
    expect(body.results.slice(0, -1).map(({ code }) => code)).toEqual(events.map(([, code]) => code));
    expect(body).toMatchObject({ success: false, tracked: 1, failed: events.length });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const [row] = await test.database.query<{ text: string }>(
      "select properties::text as text from analytics.events where workspace_id = $1",
      [workspace.id],
    );
    expect(JSON.parse(row?.text ?? "")).toEqual(JSON.parse('{"toJSON": 1, "__proto__": {"polluted": true}}'));
  });

  it("makes no month for a time that is refused", async () => {
    const months = () =>
      test.database.query(
        "select count(*)::int as n from pg_inherits where inhparent = 'analytics.events'::regclass",
      );
    const before = await months();
    await server.send([{ event_type: "x", timestamp: "2019-05-05T00:00:00Z" }]);
    expect(await months()).toEqual(before);
  });
});
