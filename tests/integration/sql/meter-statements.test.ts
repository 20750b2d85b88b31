import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Transaction } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { addChannels, addFile, drifts, refusal, used } from "./meter-fixtures.ts";

/** Every way in which one statement or transaction can write rows other than a plain insert. */

let test: TestDatabase;
let a: Workspace;
let b: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  a = await createWorkspace(test.database);
  b = await createWorkspace(test.database);
});

const storage = async (): Promise<readonly number[]> => [
  await used(test.database, a, "storage_bytes"),
  await used(test.database, b, "storage_bytes"),
];
const uploaded = async (): Promise<readonly number[]> => [
  await used(test.database, a, "uploaded_bytes"),
  await used(test.database, b, "uploaded_bytes"),
];
const noDrift = async (): Promise<void> => {
  expect([await drifts(test.database, a), await drifts(test.database, b)]).toEqual([[], []]);
};

describe("merge", () => {
  it("counts each of its inserts, updates and deletes", async () => {
    const db = test.database;
    const grows = await addFile(db, a, 10);
    const goes = await addFile(db, a, 20);
    await db.query(
      `merge into public.files f
       using (values ($1::uuid, 15, false), ($2::uuid, 0, true), (gen_random_uuid(), 7, false)) s (id, size_bytes, gone)
       on f.id = s.id
       when matched and s.gone then delete
       when matched then update set size_bytes = s.size_bytes
       when not matched then insert (id, workspace_id, name, size_bytes) values (s.id, $3, 'merged', s.size_bytes)`,
      [grows, goes, a.id],
    );
    expect(await used(db, a, "storage_bytes")).toBe(15 + 7);
    expect(await used(db, a, "uploaded_bytes")).toBe(10 + 20 + 5 + 7);
    expect(await used(db, a, "files_uploaded")).toBe(3);
    await noDrift();
  });

  it("is refused whole at the limit", async () => {
    const db = test.database;
    await setLimit(db, a.id, "storage_bytes", 20);
    const file = await addFile(db, a, 10);
    const merge = db.query(
      `merge into public.files f
       using (values ($1::uuid, 12), (gen_random_uuid(), 9)) s (id, size_bytes)
       on f.id = s.id
       when matched then update set size_bytes = s.size_bytes
       when not matched then insert (id, workspace_id, name, size_bytes) values (s.id, $2, 'merged', s.size_bytes)`,
      [file, a.id],
    );
    expect((await refusal(merge)).code).toBe("23U01");
    expect(await used(db, a, "storage_bytes")).toBe(10);
    await noDrift();
  });
});

describe("insert on conflict do update", () => {
  it("counts inserted and changed rows of one statement, also when they change workspace", async () => {
    const db = test.database;
    const stays = await addFile(db, a, 10);
    const moves = await addFile(db, a, 20);
    await db.query(
      `insert into public.files as f (id, workspace_id, name, size_bytes)
       values ($1, $3, 'x', 11), ($2, $4, 'x', 25), (gen_random_uuid(), $4, 'x', 5)
       on conflict (id) do update
         set size_bytes = excluded.size_bytes, workspace_id = excluded.workspace_id`,
      [stays, moves, a.id, b.id],
    );
    expect(await storage()).toEqual([11, 30]);
    expect(await uploaded()).toEqual([10 + 20 + 1, 25 + 5]);
    await noDrift();
  });
});

describe("one statement", () => {
  it("that deletes and inserts through common table expressions counts both", async () => {
    const db = test.database;
    await addFile(db, a, 10);
    await db.query(
      `with gone as (delete from public.files where workspace_id = $1 returning name, size_bytes)
       insert into public.files (workspace_id, name, size_bytes) select $2, name, size_bytes * 2 from gone`,
      [a.id, b.id],
    );
    expect(await storage()).toEqual([0, 20]);
    await noDrift();
  });

  it("that moves every row of two workspaces across counts each side once", async () => {
    const db = test.database;
    await addFile(db, a, 10);
    await addFile(db, a, 1);
    await addFile(db, b, 100);
    await db.query(
      "update public.files set workspace_id = case when workspace_id = $1 then $2::uuid else $1::uuid end where workspace_id in ($1, $2)",
      [a.id, b.id],
    );
    expect(await storage()).toEqual([100, 11]);
    expect(await uploaded()).toEqual([11 + 100, 100 + 11]);
    await noDrift();
  });

  it("through an updatable view counts like one on the table", async () => {
    const db = test.database;
    await db.query("create view public.pending_files as select * from public.files where status = 'pending'");
    await db.query(
      "insert into public.pending_files (workspace_id, name, size_bytes, status) values ($1, 'v', 10, 'pending')",
      [a.id],
    );
    await db.query("update public.pending_files set size_bytes = 12 where workspace_id = $1", [a.id]);
    expect(await storage()).toEqual([12, 0]);
    await db.query("delete from public.pending_files where workspace_id = $1", [a.id]);
    await db.query("drop view public.pending_files");
    expect(await storage()).toEqual([0, 0]);
    await noDrift();
  });

  it("counts rows as a before trigger leaves them, and not those that it swallows", async () => {
    const db = test.database;
    await db.query(
      `create function public.shrink() returns trigger language plpgsql as $$
       begin
         if new.name = 'swallow' then
           return null;
         end if;
         new.size_bytes := new.size_bytes / 2;
         return new;
       end $$`,
    );
    await db.query(
      "create trigger shrink before insert or update on public.files for each row execute function public.shrink()",
    );
    try {
      await db.query(
        "insert into public.files (workspace_id, name, size_bytes) values ($1, 'swallow', 1000), ($1, 'keep', 100), ($1, 'swallow', 1000), ($1, 'keep', 60)",
        [a.id],
      );
      expect(await storage()).toEqual([80, 0]);
      await db.query(
        "update public.files set name = case when size_bytes = 50 then 'swallow' else name end, size_bytes = 200 where workspace_id = $1",
        [a.id],
      );
      expect(await storage()).toEqual([50 + 100, 0]);
      expect(await uploaded()).toEqual([80 + 70, 0]);
    } finally {
      await db.query("drop function public.shrink cascade");
    }
    await noDrift();
  });
});

describe("a cascade", () => {
  it("of a delete gives back the gauges of the rows that it takes along", async () => {
    const db = test.database;
    const [call] = await db.query<{ id: string }>(
      "insert into public.calls (workspace_id, started_at, ended_at) values ($1, now() - interval '60 seconds', now()) returning id",
      [a.id],
    );
    await setLimit(db, a.id, "recording_bytes", null);
    await db.query(
      "insert into public.call_recordings (call_id, workspace_id, size_bytes) select $1, $2, g from generate_series(1, 4) g",
      [call?.id, a.id],
    );
    expect(await used(db, a, "recording_bytes")).toBe(10);
    await db.query("delete from public.calls where id = $1", [call?.id]);
    expect(await used(db, a, "recording_bytes")).toBe(0);
    expect(await used(db, a, "call_seconds")).toBe(60);
    await noDrift();
  });

  it("of an update moves gauges with the rows that follow their parent", async () => {
    const db = test.database;
    await db.query(
      "create table public.folders (id int primary key, workspace_id uuid not null, unique (id, workspace_id))",
    );
    await db.query(
      `create table public.documents (
         id int primary key,
         folder_id int,
         workspace_id uuid,
         foreign key (folder_id, workspace_id) references public.folders (id, workspace_id) on update cascade on delete cascade
       )`,
    );
    await db.query("insert into usage.metrics values ('documents', 'gauge', 'count', 'rows', 'D', 'D')");
    await db.query("select usage.attach_meter('public.documents', 'documents')");
    await setLimit(db, a.id, "documents", 10);
    await setLimit(db, b.id, "documents", 3);
    await db.query("insert into public.folders values (1, $1), (2, $1)", [a.id]);
    await db.query("insert into public.documents select g, 1 + g % 2, $1 from generate_series(1, 6) g", [
      a.id,
    ]);
    const documents = async () => [await used(db, a, "documents"), await used(db, b, "documents")];
    expect(await documents()).toEqual([6, 0]);
    // both folders at once would bring six documents where three have headroom
    const both = db.query("update public.folders set workspace_id = $1", [b.id]);
    expect((await refusal(both)).code).toBe("23U01");
    expect(await documents()).toEqual([6, 0]);
    await db.query("update public.folders set workspace_id = $1 where id = 1", [b.id]);
    expect(await documents()).toEqual([3, 3]);
    await noDrift();
    await db.query("delete from public.folders");
    expect(await documents()).toEqual([0, 0]);
    await noDrift();
    await db.query("select usage.detach_meter('public.documents', 'documents')");
  });
});

describe("a transaction", () => {
  class Undo extends Error {}
  const undone = async (work: (tx: Transaction) => Promise<void>): Promise<void> => {
    const run = test.database.transaction(async (tx) => {
      await work(tx);
      throw new Undo();
    });
    await expect(run).rejects.toBeInstanceOf(Undo);
  };

  it("keeps what came before a savepoint and after its rollback, and nothing between", async () => {
    const db = test.database;
    await db.transaction(async (tx) => {
      await addChannels(tx, a, 1);
      await tx.query("savepoint first");
      await addChannels(tx, a, 2);
      await tx.query("savepoint second");
      await addChannels(tx, a, 1);
      await tx.query("rollback to savepoint first");
      await addChannels(tx, a, 1);
    });
    expect(await used(db, a, "channels")).toBe(2);
    await noDrift();
  });

  it("goes on after a refusal that a savepoint caught, with the headroom that is left", async () => {
    const db = test.database;
    await setLimit(db, a.id, "channels", 3);
    await db.transaction(async (tx) => {
      await addChannels(tx, a, 2);
      await tx.query("savepoint attempt");
      expect((await refusal(addChannels(tx, a, 2))).code).toBe("23U01");
      await tx.query("rollback to savepoint attempt");
      await addChannels(tx, a, 1);
    });
    expect(await used(db, a, "channels")).toBe(3);
    await noDrift();
  });

  it("that a deferred constraint ends at its commit counts nothing", async () => {
    const db = test.database;
    await db.query(
      "alter table public.channels add constraint channels_name_key unique (workspace_id, name) deferrable initially deferred",
    );
    try {
      const twice = db.transaction(async (tx) => {
        for (let round = 0; round < 2; round += 1)
          await tx.query(
            "insert into public.channels (workspace_id, name) values ($1::uuid, $1::uuid::text)",
            [a.id],
          );
        expect(await used(tx, a, "channels")).toBe(2);
      });
      expect((await refusal(twice)).code).toBe("23505");
    } finally {
      await db.query("alter table public.channels drop constraint channels_name_key");
    }
    expect(await used(db, a, "channels")).toBe(0);
    expect(await db.query("select amount from usage.counter_log where workspace_id = $1", [a.id])).toEqual(
      [],
    );
    await noDrift();
  });

  it("that is undone takes back a truncate, its peak and its alerts", async () => {
    const db = test.database;
    await setLimit(db, a.id, "bots", 2);
    await db.query("insert into public.bots (workspace_id, name) values ($1, 'one')", [a.id]);
    await undone(async (tx) => {
      await tx.query("insert into public.bots (workspace_id, name) values ($1, 'two')", [a.id]);
      await tx.query("truncate public.bots");
      expect(await used(tx, a, "bots")).toBe(0);
    });
    expect(await used(db, a, "bots")).toBe(1);
    expect(
      await db.query("select peak::int from usage.peaks where workspace_id = $1 and metric = 'bots'", [a.id]),
    ).toEqual([{ peak: 1 }]);
    expect(
      await db.query("select id from usage.alerts where workspace_id = $1 and metric = 'bots'", [a.id]),
    ).toEqual([]);
    await noDrift();
  });

  it("that empties and fills a table again in one go counts what is there", async () => {
    const db = test.database;
    await db.query("insert into public.bots (workspace_id, name) values ($1, 'old')", [a.id]);
    await db.transaction(async (tx) => {
      await tx.query("truncate public.bots");
      await tx.query("insert into public.bots (workspace_id, name) values ($1, 'new')", [b.id]);
    });
    expect([await used(db, a, "bots"), await used(db, b, "bots")]).toEqual([0, 1]);
    await noDrift();
  });
});
