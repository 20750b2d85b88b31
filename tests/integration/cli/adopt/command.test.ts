import { execFile } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { copyProject, organisationsDir, type ProjectCopy } from "../../../support/adopted-project.ts";

let copy: ProjectCopy;

beforeEach(async () => {
  copy = await copyProject(organisationsDir);
});

afterEach(() => copy.remove());

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `npm run adopt -- ...`, with an embedded server of its own where it needs one. */
const run = (...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const { JEST_WORKER_ID: _worker, NODE_OPTIONS: _options, ...env } = process.env;
    const command = ["src/cli/bootstrap.mjs", "src/cli/adopt.ts", ...args];
    const child = execFile(process.execPath, command, { env }, (_error, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });

const options = [
  "--tenant",
  "public.organisations",
  "--members",
  "public.memberships:org_id,person_id,role",
  "--user-claim",
  "x-hasura-org-user-id",
  "--tenant-claim",
  "x-hasura-org-id",
  "--role",
  "member=user",
  "--role",
  "org_admin=workspace_admin",
];

describe("npm run adopt", () => {
  it("explains itself", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const word of ["Examples", "--tenant <schema.table>", "--dry-run", "Exit codes"])
      expect(out).toContain(word);
  });

  it.each([
    [["--tenants", "public.shops", "."], /Unknown option '--tenants'/u],
    [[], /name one folder/u],
    [["one", "two"], /name one folder/u],
    [["--purge", "."], /--purge goes with --remove/u],
    [["--tenant", "organisations", "."], /--tenant organisations is not a table; write schema\.table/u],
    [["--role", "member=boss", "."], /--role member=boss does not map a role/u],
  ])("refuses %j with 2", async (args, message) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(message);
    expect(err).toMatch(/see --help/u);
  });

  it("ends with 3 for a project with faults, one a line with what to do", async () => {
    const before = await copy.digest();
    const args = [copy.folder, ...options, "--tenant", "public.tenants", "--source", "main"];
    const { code, out } = await run(...args);
    expect(code).toBe(3);
    expect(out.trim().split("\n")).toEqual([
      expect.stringMatching(/^fault {5}metadata\/databases\/databases\.yaml has no source main; choose one/u),
      expect.stringMatching(
        /^fault {5}there is no table public\.tenants after your migrations; name your table/u,
      ),
      "result    2 found, nothing was written",
    ]);
    const json = await run(...args, "--json");
    expect(json.code).toBe(3);
    expect(JSON.parse(json.out)).toMatchObject({
      action: "install",
      written: false,
      changes: [],
      faults: [{ code: "missing-source" }, { code: "tenant-table" }],
    });
    expect(await copy.digest()).toBe(before);
  }, 120_000);

  it("plans, writes, has nothing to do, and takes it out again", async () => {
    const before = await copy.digest();
    const dry = await run(copy.folder, ...options, "--dry-run");
    expect(dry.code).toBe(0);
    expect(dry.out).toMatch(/^create {4}hasura-usage\.json$/mu);
    expect(dry.out).toMatch(/^change {4}metadata\/actions\.yaml$/mu);
    expect(dry.out).toMatch(/^result {4}would install hasura-usage 0\.1\.0$/mu);
    expect(await copy.digest()).toBe(before);

    const written = await run(copy.folder, ...options);
    expect(written.code).toBe(0);
    expect(written.out).toMatch(/^migration 1767225601000_install_hasura_usage_0_1_0$/mu);
    expect(written.out).toMatch(/^setting {3}USAGE_ROLE_MAP=member=user,org_admin=workspace_admin for/mu);

    const again = await run(copy.folder, "--json");
    expect(JSON.parse(again.out)).toMatchObject({ action: "none", written: false, kept: [], faults: [] });

    expect((await run(copy.folder, "--remove", "--purge")).code).toBe(0);
    expect(await copy.digest()).toBe(before);
  }, 240_000);
});
