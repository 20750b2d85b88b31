import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { validateSchema } from "graphql";
import { silentLogger } from "../../../src/core/index.ts";
import { createInputValidator } from "../../../src/engine/actions/index.ts";
import { validationFailed } from "../../../src/engine/errors.ts";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create table people (id bigint primary key, name text, data jsonb, owner text);
create table pets (id int primary key generated always as identity, person_id bigint references people (id), name text);
`;

const validateInput = (path: string): object => ({
  type: "http",
  definition: { url: `http://checks.example/${path}`, headers: [{ name: "x-secret", value: "s" }] },
});

const metadata = metadataOf([
  {
    table: "people",
    configuration: { column_config: { name: { custom_name: "fullName" } } },
    array_relationships: [
      {
        name: "pets",
        using: { foreign_key_constraint_on: { table: "pets", column: "person_id" } },
      },
    ],
    select_permissions: [{ role: "user", permission: { columns: ["id", "name"], filter: {} } }],
    insert_permissions: [
      {
        role: "user",
        permission: {
          columns: ["id", "name", "data"],
          check: {},
          set: { owner: "x-hasura-user-id" },
          validate_input: validateInput("people"),
        },
      },
    ],
    update_permissions: [
      {
        role: "user",
        permission: { columns: ["name"], filter: {}, validate_input: validateInput("update") },
      },
    ],
    delete_permissions: [
      { role: "user", permission: { filter: {}, validate_input: validateInput("delete") } },
    ],
  },
  {
    table: "pets",
    insert_permissions: [
      { role: "user", permission: { columns: ["name"], check: {}, validate_input: validateInput("pets") } },
    ],
  },
]);

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata });
});
afterAll(() => bench.close());

interface Asked {
  readonly url: string;
  readonly input: unknown;
}

const recorder = () => {
  const asked: Asked[] = [];
  return {
    asked,
    options: {
      role: "user",
      session: { "x-hasura-user-id": "u" },
      validate: (validation: { readonly url: string }, input: unknown) => {
        asked.push({ url: validation.url.replace("http://checks.example/", ""), input });
        return Promise.resolve();
      },
    },
  };
};

describe("validate_input", () => {
  it("make a schema without faults", () => {
    for (const role of ["admin", "user"]) expect(validateSchema(bench.schema(role))).toEqual([]);
  });

  it("shows the rows of an insert by column, nested ones too, one call for each table", async () => {
    const { asked, options } = recorder();
    const query = `mutation ($objects: [people_insert_input!]!, $name: String) {
      insert_people(objects: $objects) { affected_rows }
      insert_people_one(object: {id: 3, fullName: $name}) { id }
    }`;
    const objects = [
      { id: "1", fullName: "Ann", data: { a: [1] }, pets: { data: [{ name: "Rex" }, { name: "Tom" }] } },
      { id: 2, fullName: null, pets: { data: [{ name: "Kit" }] } },
    ];
    expect(await bench.run(query, { ...options, variables: { objects, name: "Cy" } })).toEqual({
      data: { insert_people: { affected_rows: 5 }, insert_people_one: { id: 3 } },
    });
    expect(asked).toEqual([
      {
        url: "people",
        input: [
          { id: "1", name: "Ann", data: { a: [1] }, pets: { data: [{ name: "Rex" }, { name: "Tom" }] } },
          { id: 2, name: null, pets: { data: [{ name: "Kit" }] } },
        ],
      },
      { url: "pets", input: [{ name: "Rex" }, { name: "Tom" }, { name: "Kit" }] },
      { url: "people", input: [{ id: 3, name: "Cy" }] },
    ]);
  });

  it("shows the arguments of updates and deletes as the client wrote them", async () => {
    const { asked, options } = recorder();
    const query = `mutation ($id: bigint!) {
      a: update_people(where: {id: {_eq: $id}}, _set: {fullName: "x"}) { affected_rows }
      b: update_people_by_pk(pk_columns: {id: 9}, _set: {fullName: "x"}) { id }
      c: update_people_many(updates: [{where: {id: {_eq: 9}}, _set: {fullName: "y"}}]) { affected_rows }
      d: delete_people(where: {id: {_eq: 9}}) { affected_rows }
      e: delete_people_by_pk(id: 9) { id }
    }`;
    await bench.run(query, { ...options, variables: { id: 9 } });
    expect(asked).toEqual([
      { url: "update", input: [{ where: { id: { _eq: 9 } }, _set: { fullName: "x" } }] },
      { url: "update", input: [{ pk_columns: { id: 9 }, _set: { fullName: "x" } }] },
      { url: "update", input: [{ where: { id: { _eq: 9 } }, _set: { fullName: "y" } }] },
      { url: "delete", input: [{ where: { id: { _eq: 9 } } }] },
      { url: "delete", input: [{ pk_columns: { id: 9 } }] },
    ]);
  });

  it("shows columns of an insert and the client's words of an update where names are turned into camel case", async () => {
    const rule = { validate_input: validateInput("notes") };
    const camel = await createBench({
      schemaSql: "create table room_notes (note_id int primary key, body_text text)",
      metadata: metadataOf(
        [
          {
            table: "room_notes",
            select_permissions: [{ role: "user", permission: { columns: "*", filter: {} } }],
            insert_permissions: [{ role: "user", permission: { columns: "*", check: {}, ...rule } }],
            update_permissions: [{ role: "user", permission: { columns: "*", filter: {}, ...rule } }],
          },
        ],
        {},
        { customization: { naming_convention: "graphql-default" } },
      ),
    });
    try {
      const { asked, options } = recorder();
      const query = `mutation {
        insertRoomNotesOne(object: {noteId: 1, bodyText: "a"}) { noteId }
        updateRoomNotesByPk(pkColumns: {noteId: 1}, _set: {bodyText: "b"}) { bodyText }
      }`;
      expect(await camel.run(query, options)).toEqual({
        data: { insertRoomNotesOne: { noteId: 1 }, updateRoomNotesByPk: { bodyText: "b" } },
      });
      expect(asked).toEqual([
        { url: "notes", input: [{ note_id: 1, body_text: "a" }] },
        { url: "notes", input: [{ pkColumns: { noteId: 1 }, _set: { bodyText: "b" } }] },
      ]);
    } finally {
      await camel.close();
    }
  });

  it("refuses before anything of the document is written", async () => {
    const query = `mutation {
      insert_people_one(object: {id: 50}) { id }
      update_people(where: {}, _set: {fullName: "bad"}) { affected_rows }
    }`;
    const answer = await bench.run(query, {
      role: "user",
      session: { "x-hasura-user-id": "u" },
      validate: ({ url }) =>
        url.endsWith("update") ? Promise.reject(validationFailed("not that name")) : Promise.resolve(),
    });
    expect(answer).toEqual({
      errors: [{ message: "not that name", extensions: { path: "$", code: "validation-failed" } }],
    });
    expect(await bench.run("{ people(where: {id: {_eq: 50}}) { id } }")).toEqual({ data: { people: [] } });
  });

  it("asks nobody for the admin", async () => {
    const { asked, options } = recorder();
    await bench.run("mutation { delete_people(where: {id: {_eq: 77}}) { affected_rows } }", {
      ...options,
      role: "admin",
    });
    expect(asked).toEqual([]);
  });
});

describe("the call of the webhook", () => {
  const call = async (status: number, body: string) => {
    const requests: { url: string; headers: Readonly<Record<string, string>>; body: string }[] = [];
    const validator = createInputValidator({
      client: (url, request) => {
        requests.push({ url, headers: request.headers, body: request.body });
        return Promise.resolve(new Response(body, { status }));
      },
      environment: { BASE: "http://checks.example" },
      logger: silentLogger,
    });
    const outcome = await validator({
      validation: {
        url: "{{BASE}}/x",
        headers: [{ name: "X-Secret", value: "s" }],
        forwardClientHeaders: true,
        timeoutSeconds: 10,
      },
      inputJson: '[{"id":9007199254740993}]',
      session: { role: "user", variables: { "x-hasura-role": "user" } },
      clientHeaders: new Map([
        ["x-secret", "forged"],
        ["x-trace", "t"],
      ]),
    }).then(
      () => "passed",
      (error: unknown) => (error instanceof Error ? error.message : "?"),
    );
    return { outcome, request: requests[0] };
  };

  it("sends version, role, session and input, and lets no client overwrite a configured header", async () => {
    const { outcome, request } = await call(200, "");
    expect(outcome).toBe("passed");
    expect(request).toMatchObject({
      url: "http://checks.example/x",
      headers: { "x-secret": "s", "x-trace": "t", "content-type": "application/json" },
      body: '{"version":1,"role":"user","session_variables":{"x-hasura-role":"user"},"data":{"input":[{"id":9007199254740993}]}}',
    });
  });

  it("takes 400 with a message as a refusal and all else as a failure", async () => {
    expect((await call(400, '{"message": "no", "extensions": {"code": "x"}}')).outcome).toBe("no");
    expect((await call(400, "{}")).outcome).toBe("received invalid response from input validation webhook");
    expect((await call(403, '{"message": "no"}')).outcome).toBe("internal error when validating input data");
  });
});
