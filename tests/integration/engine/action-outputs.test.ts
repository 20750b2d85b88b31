import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createSession, type Session } from "../../../src/auth/index.ts";
import { createEngine, parseMetadata, type Engine } from "../../../src/engine/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";

interface Seen {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

let test: TestDatabase;
let engine: Engine;
let seen: Seen[];
let answer: () => Response | Promise<Response>;
const json =
  (text: string, status = 200) =>
  (): Response =>
    new Response(text, { status });

const admin = createSession("admin", {});
const user = (id: string): Session => createSession("user", { "x-hasura-user-id": id });

const action = (name: string, definition: Readonly<Record<string, unknown>>): object => ({
  name,
  definition: {
    kind: "synchronous",
    type: "query",
    handler: "{{BASE}}/h",
    output_type: "Owner",
    ...definition,
  },
  permissions: [{ role: "user" }],
});

const document = (more: readonly object[] = []): object => ({
  version: 3,
  sources: [
    {
      name: "default",
      kind: "postgres",
      configuration: { connection_info: { database_url: "postgres://unused" } },
      tables: [
        {
          table: "notes",
          select_permissions: [
            {
              role: "user",
              permission: {
                columns: ["id", "body"],
                filter: { owner: { _eq: "X-Hasura-User-Id" } },
                allow_aggregations: true,
              },
            },
          ],
        },
      ],
    },
  ],
  custom_types: {
    scalars: [{ name: "anything" }],
    objects: [
      {
        name: "Owner",
        fields: [
          { name: "id", type: "bigint!" },
          { name: "pinned", type: "bigint" },
        ],
        relationships: [
          { name: "note", type: "object", remote_table: "notes", field_mapping: { pinned: "id" } },
          { name: "notes", type: "array", remote_table: "notes", field_mapping: { id: "owner" } },
        ],
      },
      {
        name: "Team",
        fields: [
          { name: "name", type: "String!" },
          { name: "lead", type: "Owner" },
          { name: "members", type: "[Owner!]!" },
        ],
      },
    ],
  },
  actions: [
    action("owner", { arguments: [{ name: "id", type: "bigint!" }] }),
    action("owners", { output_type: "[Owner!]!" }),
    action("team", { output_type: "Team!" }),
    action("echo", { output_type: "anything", arguments: [{ name: "value", type: "anything" }] }),
    action("numbers", { output_type: "[Int!]!" }),
    action("late", { kind: "asynchronous", type: "mutation", arguments: [{ name: "n", type: "bigint" }] }),
    action("picky", {
      type: "mutation",
      output_type: "String",
      forward_client_headers: true,
      ignored_client_headers: ["X-Private"],
    }),
    action("shaped", {
      output_type: "anything",
      arguments: [{ name: "id", type: "bigint" }],
      request_transform: {
        version: 2,
        method: "GET",
        url: "{{$base_url}}/{{$body.input.id}}",
        query_params: { as: "{{$session_variables['x-hasura-role']}}" },
        body: { action: "remove" },
      },
      response_transform: {
        version: 2,
        body: { action: "transform", template: '{"kept": {{$body.id}}, "status": {{$response.status}}}' },
      },
    }),
    action("broken", {
      output_type: "anything",
      request_transform: { version: 2, body: { action: "transform", template: "{{ $body.nope }}" } },
    }),
    action("unreadable", {
      output_type: "anything",
      response_transform: { version: 2, body: { action: "transform", template: "{{ $body.nope }}" } },
    }),
    ...more,
  ],
});

const start = (metadata: object): Promise<Engine> =>
  createEngine({
    metadata: parseMetadata(metadata),
    database: test.database,
    logger: silentLogger,
    settings: {
      adminSecret: "secret",
      env: { BASE: "http://127.0.0.1:1" },
      actionHandler: async (url, request) => {
        seen.push({ url, method: request.method, headers: request.headers, text: request.body });
        return answer();
      },
    },
  });

const run = (
  query: string,
  session: Session = user("1"),
  variables: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<string> => engine.execute({ query, variables }, session, headers);

const dataOf = async (query: string, session?: Session): Promise<unknown> => {
  const text = await run(query, session);
  const parsed = JSON.parse(text) as { data?: unknown };
  if (parsed.data === undefined) throw new Error(text);
  return parsed.data;
};

const errorOf = async (query: string, session?: Session): Promise<unknown> =>
  (JSON.parse(await run(query, session)) as { errors: readonly unknown[] }).errors[0];

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.query("create table notes (id bigint primary key, owner text, body text)");
  await test.database.query(
    "insert into notes values (1, '1', 'a'), (2, '1', 'b'), (3, '2', 'c'), (9007199254740993, '1', 'big')",
  );
  seen = [];
  engine = await start(document());
});
afterAll(() => test.drop());
beforeEach(() => {
  seen = [];
});

describe("tables on the output of an action", () => {
  it("joins one row and many, under the role's own permission", async () => {
    answer = json('{"id": 1, "pinned": 2}');
    const query =
      "{ owner(id: 1) { who: id note { body } notes(order_by: {id: desc}, limit: 2) { id } notes_aggregate { aggregate { count } } } }";
    expect(await dataOf(query)).toEqual({
      owner: {
        who: 1,
        note: { body: "b" },
        notes: [{ id: 9007199254740992 }, { id: 2 }],
        notes_aggregate: { aggregate: { count: 3 } },
      },
    });
    expect(await dataOf("{ owner(id: 1) { id note { body } notes { id } } }", user("2"))).toEqual({
      owner: { id: 1, note: null, notes: [] },
    });
  });

  it("reads lists and nested objects with one statement for each relationship", async () => {
    answer = json('[{"id": 2}, {"id": 1, "pinned": 3}, {"id": 7, "pinned": 1}]');
    expect(await dataOf("{ owners { id note { id } notes(order_by: {id: asc}) { body } } }", admin)).toEqual({
      owners: [
        { id: 2, note: null, notes: [{ body: "c" }] },
        { id: 1, note: { id: 3 }, notes: [{ body: "a" }, { body: "b" }, { body: "big" }] },
        { id: 7, note: { id: 1 }, notes: [] },
      ],
    });
    answer = json(
      '{"name": "x", "lead": {"id": 2, "pinned": 1}, "members": [{"id": 1, "pinned": 2}, {"id": 2}]}',
    );
    expect(
      await dataOf("{ team { lead { note { body } } members { note { body } } __typename } }", admin),
    ).toEqual({
      team: {
        lead: { note: { body: "a" } },
        members: [{ note: { body: "b" } }, { note: null }],
        __typename: "Team",
      },
    });
  });

  it("takes no arguments where there are none to take", async () => {
    expect(await errorOf("{ owner(id: 1) { note(limit: 1) { id } } }")).toEqual({
      message: "'note' has no argument named 'limit'",
      extensions: { path: "$.selectionSet.owner.selectionSet.note", code: "validation-failed" },
    });
  });

  it("refuses metadata whose tables do not fit", async () => {
    const broken = (relationship: object): Promise<Engine> => {
      const base = document() as { custom_types: { objects: object[] } };
      const type = { name: "Odd", fields: [{ name: "id", type: "Int" }], relationships: [relationship] };
      return start({
        ...base,
        custom_types: { ...base.custom_types, objects: [...base.custom_types.objects, type] },
        actions: [action("odd", { output_type: "Odd" })],
      });
    };
    const relationship = { name: "note", type: "object", remote_table: "notes", field_mapping: { id: "id" } };
    await expect(broken({ ...relationship, remote_table: "nowhere" })).rejects.toThrow(/not tracked/);
    await expect(broken({ ...relationship, field_mapping: { nope: "id" } })).rejects.toThrow(/no field nope/);
    await expect(broken({ ...relationship, field_mapping: { id: "nope" } })).rejects.toThrow(/column nope/);
  });
});

describe("numbers beyond a double", () => {
  it("keep their digits on the way to a webhook and back", async () => {
    answer = json('{"deep": [9007199254740993, 12345678901234567890.5]}');
    const query = "query ($value: anything) { echo(value: $value) }";
    const server = await engine.execute({ query: "{ echo(value: {n: 9007199254740993}) }" }, admin);
    expect(server).toBe('{"data":{"echo":{"deep":[9007199254740993,12345678901234567890.5]}}}');
    expect(seen[0]?.text).toContain('"input":{"value":{"n":9007199254740993}}');
    expect(await run(query, admin, { value: null })).toContain("9007199254740993");
  });
});

describe("the answer of a webhook", () => {
  it.each<[string, string, number, object]>([
    ["{ numbers }", '{"a": 1}', 200, { message: "expecting array for the action webhook response" }],
    ["{ numbers }", "null", 200, { message: "got null for the action webhook response" }],
    ["{ numbers }", "nonsense", 200, { message: "not a valid json response from webhook" }],
    ["{ numbers }", "{}", 503, { message: "internal error" }],
    [
      "{ numbers }",
      '{"message": "no", "code": "why"}',
      409,
      { message: "no", extensions: { code: "why", path: "$" } },
    ],
    [
      "{ numbers }",
      '{"message": "no", "code": "why", "extensions": {"retry": 3}}',
      429,
      { message: "no", extensions: { retry: 3 } },
    ],
  ])("%s with %s and %i", async (query, text, status, error) => {
    answer = json(text, status);
    expect(await errorOf(query)).toMatchObject(error);
  });

  it("may be a list of scalars", async () => {
    answer = json("[1, 2]");
    expect(await dataOf("{ numbers }")).toEqual({ numbers: [1, 2] });
  });
});

describe("what a webhook is sent", () => {
  it("leaves out the headers that the action names, and those that are never handed on", async () => {
    answer = json('"ok"');
    await run(
      "mutation { picky }",
      user("1"),
      {},
      {
        "x-private": "p",
        "x-public": "q",
        "x-hasura-user-id": "forged",
        accept: "text/plain",
        host: "example.test",
      },
    );
    expect(seen[0]?.headers).toMatchObject({ "x-public": "q", accept: "text/plain" });
    expect(Object.keys(seen[0]?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/x-private|x-hasura|^host$/)]),
    );
  });

  it("is what its transform makes of it, and so is the answer", async () => {
    answer = json('{"id": 9007199254740993}', 201);
    expect(await run("{ shaped(id: 7) }")).toBe('{"data":{"shaped":{"kept":9007199254740993,"status":201}}}');
    expect(seen[0]).toMatchObject({ url: "http://127.0.0.1:1/h/7?as=user", method: "GET", text: "" });
  });

  it("is not sent when the transform fails, and the template's words are for administrators", async () => {
    answer = json("{}");
    expect(await errorOf("{ broken }")).toEqual({
      message: "Request Transformation Failed",
      extensions: { path: "$", code: "unexpected" },
    });
    expect(seen).toEqual([]);
    expect(await errorOf("{ unreadable }", admin)).toMatchObject({
      message: "Response Transformation Failed",
      extensions: { internal: [{ error_code: "Invalid Path" }] },
    });
  });
});

describe("asynchronous actions", () => {
  const call = async (session: Session, argument = "1"): Promise<string> =>
    ((await dataOf(`mutation { late(n: ${argument}) }`, session)) as { late: string }).late;
  const result = async (id: string, session: Session, fields: string): Promise<unknown> =>
    ((await dataOf(`{ late(id: "${id}") { ${fields} } }`, session)) as { late: unknown }).late;

  it("answer with an id, are made in the background and tell their caller what became of them", async () => {
    answer = json('{"id": 1, "pinned": 9007199254740993}');
    const id = await call(user("1"), "9007199254740993");
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await result(id, user("1"), "output { id } errors")).toEqual({ output: null, errors: null });
    expect(await engine.asyncActions.process()).toBe(1);
    expect(seen[0]?.text).toContain('"request_query":null');
    expect(seen[0]?.text).toContain("9007199254740993");
    expect(JSON.parse(seen[0]?.text ?? "")).toMatchObject({
      action: { name: "late" },
      session_variables: { "x-hasura-role": "user", "x-hasura-user-id": "1" },
    });
    expect(await result(id, user("1"), "__typename id created_at output { id note { body } }")).toEqual({
      __typename: "late",
      id,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
      output: { id: 1, note: { body: "big" } },
    });
    expect(await result(id, user("2"), "id")).toBeNull();
    expect(await result(id, admin, "id")).toEqual({ id });
    expect(await engine.asyncActions.process()).toBe(0);
  });

  it("keep a refusal, without what only an administrator may see", async () => {
    answer = json('{"message": "no", "code": "why"}', 400);
    const refused = await call(user("1"));
    await engine.asyncActions.process();
    expect(await result(refused, user("1"), "errors output { id }")).toEqual({
      errors: { code: "why", path: "$", error: "no" },
      output: null,
    });
    answer = json("nonsense");
    const failed = await call(user("1"));
    await engine.asyncActions.process();
    const errors = { code: "unexpected", path: "$", error: "not a valid json response from webhook" };
    expect(await result(failed, user("1"), "errors")).toEqual({ errors });
    expect(await result(failed, admin, "errors")).toMatchObject({
      errors: { ...errors, internal: expect.anything() },
    });
  });

  it("are not lost when the engine that made them ended", async () => {
    answer = json('{"id": 1}');
    const id = await call(user("1"));
    await test.database.query(
      "update hdb_catalog.hdb_action_log set status = 'processing', created_at = now() - interval '1 hour' where id = $1",
      [id],
    );
    expect(await engine.asyncActions.process()).toBe(0);
    const second = await start(document());
    second.start();
    const made = await waitFor("the call to be made", async () => {
      const found = (await result(id, user("1"), "output { id }")) as { readonly output: unknown };
      return found.output === null ? undefined : found;
    });
    expect(made).toEqual({ output: { id: 1 } });
    await second.stop();
  });

  it("refuse an id that is none, a query, and tables beside nested objects", async () => {
    expect(await errorOf('{ late(id: "x") { id } }')).toMatchObject({
      extensions: { path: "$.selectionSet.late.args.id" },
    });
    const query = action("slow", { kind: "asynchronous", type: "query" });
    await expect(start(document([query]))).rejects.toThrow(/must be a mutation/);
    const base = document() as { custom_types: { objects: object[] } };
    const mixed = {
      name: "Mixed",
      fields: [
        { name: "id", type: "bigint" },
        { name: "owner", type: "Owner" },
      ],
      relationships: [{ name: "note", type: "object", remote_table: "notes", field_mapping: { id: "id" } }],
    };
    const metadata = {
      ...base,
      custom_types: { ...base.custom_types, objects: [...base.custom_types.objects, mixed] },
      actions: [action("slow", { kind: "asynchronous", type: "mutation", output_type: "Mixed" })],
    };
    await expect(start(metadata)).rejects.toThrow(/cannot be used with object fields: "owner"/);
  });
});
