import { spawn } from "node:child_process";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  isInterrupted,
  journalFolder,
  recover,
  writeChanges,
} from "../../../../src/cli/adopt/write/index.ts";
import { copyProject, ordersDir, type ProjectCopy } from "../../../support/adopted-project.ts";
import { waitFor } from "../../../support/wait-for.ts";

let copy: ProjectCopy;

beforeEach(async () => {
  copy = await copyProject(ordersDir);
});

afterEach(() => copy.remove());

/** The number of a process that has ended. */
const deadPid = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", ""]);
    child.once("error", reject);
    child.once("exit", () => {
      resolve(child.pid ?? 0);
    });
  });

const editConfig = async (after: string | null) => ({
  path: "config.yaml",
  before: await copy.read("config.yaml"),
  after,
});

describe("writing changes", () => {
  it("creates, changes and deletes, folders included", async () => {
    await writeChanges(copy.folder, [
      await editConfig("version: 3\n"),
      { path: "new/deep/file", before: null, after: "new" },
      {
        path: "seeds/default/1767225600000_two_shops.sql",
        before: await copy.read("seeds/default/1767225600000_two_shops.sql"),
        after: null,
      },
    ]);
    expect(await copy.read("config.yaml")).toBe("version: 3\n");
    expect(await copy.read("new/deep/file")).toBe("new");
    await expect(stat(copy.path("seeds"))).rejects.toThrow(/ENOENT/u);
    expect(await isInterrupted(copy.folder)).toBe(false);
  });

  it("keeps the rights of a file", async () => {
    await chmod(copy.path("config.yaml"), 0o640);
    await writeChanges(copy.folder, [await editConfig("version: 3\n")]);
    expect((await stat(copy.path("config.yaml"))).mode & 0o777).toBe(0o640);
  });

  it("takes back what it wrote when one file cannot be written", async () => {
    await mkdir(copy.path("taken"));
    await writeFile(copy.path("taken", "inside"), "");
    const before = await copy.digest();
    const changes = [
      { path: "a/new/file", before: null, after: "new" },
      await editConfig("version: 3\n"),
      { path: "taken", before: null, after: "a folder is in the way" },
    ];
    await expect(writeChanges(copy.folder, changes)).rejects.toThrow();
    expect(await copy.digest()).toBe(before);
  });

  it("writes nothing over a file that was changed meanwhile", async () => {
    const change = await editConfig("version: 3\n");
    await copy.write("config.yaml", "changed\n");
    const before = await copy.digest();
    await expect(writeChanges(copy.folder, [change])).rejects.toThrow(/config\.yaml was changed meanwhile/u);
    expect(await copy.digest()).toBe(before);
  });
});

describe("a run that was killed while it wrote", () => {
  const count = 2_000;

  const run = () => {
    const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...env } = process.env;
    const args = ["src/cli/bootstrap.mjs", "tests/support/write-many.ts", copy.folder, String(count)];
    return spawn(process.execPath, args, { env, stdio: "ignore" });
  };

  it("is taken back by the next one, wherever it was", async () => {
    for (let index = 0; index < count; index += 2)
      await copy.write(`many/${String(index % 20)}/file-${String(index)}`, `before ${String(index)}\n`);
    const before = await copy.digest();
    const child = run();
    const exited = new Promise((resolve) => child.once("exit", resolve));
    await waitFor("the run to write", () =>
      readFile(copy.path(journalFolder, "journal.json")).then(
        () => true,
        () => child.exitCode !== null,
      ),
    );
    child.kill("SIGKILL");
    await exited;
    expect(await isInterrupted(copy.folder)).toBe(true);
    expect(await recover(copy.folder)).toEqual([]);
    expect(await copy.digest()).toBe(before);
  });
});

describe("a journal that was left behind", () => {
  const leave = async (pid: number): Promise<void> => {
    const hash = "0".repeat(64);
    await copy.write(
      `${journalFolder}/journal.json`,
      JSON.stringify({ pid, folders: [], changes: [{ path: "config.yaml", before: hash, after: hash }] }),
    );
    await copy.write(`${journalFolder}/before-0`, "version: 2\n");
  };

  it("of a run that had not begun to write is thrown away", async () => {
    const before = await copy.digest();
    await copy.write(`${journalFolder}/before-0`, "version: 2\n");
    expect(await recover(copy.folder)).toEqual([]);
    expect(await copy.digest()).toBe(before);
  });

  it("is not applied over a file that was changed since", async () => {
    await leave(await deadPid());
    const before = await copy.digest();
    const [fault] = await recover(copy.folder);
    expect(fault?.message).toMatch(
      /config\.yaml was changed after a run of adopt was interrupted .*before-0/u,
    );
    expect(await copy.digest()).toBe(before);
  });

  it("of a run that goes on is left alone", async () => {
    await leave(process.ppid);
    const [fault] = await recover(copy.folder);
    expect(fault?.message).toMatch(/another run \(process \d+\) is writing/u);
  });

  it("is reported by a dry run, which writes nothing", async () => {
    await copy.write(`${journalFolder}/before-0`, "version: 2\n");
    const before = await copy.digest();
    const { faults } = await copy.adopt({ dryRun: true });
    expect(faults[0]?.message).toMatch(/a run was interrupted while it wrote/u);
    expect(await copy.digest()).toBe(before);
  });

  it("is taken back before the next run plans anything", async () => {
    await copy.write(`${journalFolder}/before-0`, "version: 2\n");
    expect(await copy.adopt({ tenant: { schema: "public", name: "shops" } })).toMatchObject({
      faults: [],
      isWritten: true,
    });
  });
});
