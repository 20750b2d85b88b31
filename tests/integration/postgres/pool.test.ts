import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { AppError } from "../../../src/core/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.query("create table item (id bigint constraint item_pkey primary key)");
});

afterAll(async () => {
  await test.drop();
});

const count = async (): Promise<unknown> => {
  const [row] = await test.database.query("select count(*) as n from item");
  return row?.["n"];
};

describe("createDatabase", () => {
  it("hands bigint over as text and takes parameters and names", async () => {
    const run = () =>
      test.database.query<{ n: string }>("select $1::bigint as n", ["9007199254740993"], { name: "echo" });
    expect(await run()).toEqual([{ n: "9007199254740993" }]);
    expect(await run()).toEqual([{ n: "9007199254740993" }]);
  });

  it("commits what resolves and takes back what throws", async () => {
    await test.database.transaction((tx) =>
      tx.script("insert into item values (1); insert into item values (2);"),
    );
    expect(await count()).toBe("2");
    const failing = test.database.transaction(async (tx) => {
      await tx.query("insert into item values ($1)", [3]);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await count()).toBe("2");
  });

  it("does not report success when a swallowed error made the commit a rollback", async () => {
    const work = test.database.transaction(async (tx) => {
      await tx.query("insert into item values (4)");
      await tx.query("select 1 / 0").catch(() => undefined);
    });
    await expect(work).rejects.toThrow("rolled back");
    expect(await count()).toBe("2");
  });

  it("leaves the server's own errors as they are", async () => {
    await expect(test.database.query("insert into item values (1)")).rejects.toMatchObject({ code: "23505" });
  });

  it("survives the loss of its sessions", async () => {
    const other = createDatabase({
      connectionString: test.url,
      maxConnections: 1,
      applicationName: "victim",
    });
    await other.query("select 1");
    await test.database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'",
    );
    const lost = other.transaction((tx) => tx.query("select pg_terminate_backend(pg_backend_pid())"));
    await expect(lost).rejects.toMatchObject({ kind: "unavailable" });
    expect(await other.query("select 1 as one")).toEqual([{ one: 1 }]);
    await other.close();
  });

  it("tells an unreachable server by kind, without its address or password", async () => {
    const nowhere = createDatabase({ connectionString: "postgres://user:hidden@127.0.0.1:1/none" });
    const error: unknown = await nowhere.query("select 1").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ kind: "unavailable", code: "database-unavailable" });
    expect((error as AppError).message).not.toMatch(/hidden|127/);
    await expect(nowhere.transaction(() => Promise.resolve(1))).rejects.toMatchObject({
      kind: "unavailable",
    });
    await nowhere.close();
  });
});
