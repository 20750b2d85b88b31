import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adopt, type Adopted, type AdoptOptions, scratchServerAt } from "../../src/cli/adopt/index.ts";
import { hasuraDir } from "./database.ts";

/** A copy of a Hasura project, to be written into. */
export interface ProjectCopy {
  readonly folder: string;
  path(...parts: readonly string[]): string;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  /** Adds a migration behind all others. */
  addMigration(name: string, up: string, down: string): Promise<void>;
  /** Changes exactly when a file of the folder does, in name or in bytes. */
  digest(): Promise<string>;
  adopt(options?: Partial<AdoptOptions>): Promise<Adopted>;
  remove(): Promise<void>;
}

const digestOf = async (folder: string): Promise<string> => {
  const hash = createHash("sha256");
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const isFile = (await stat(join(folder, name))).isFile();
    hash.update(
      JSON.stringify([name, isFile ? (await readFile(join(folder, name))).toString("base64") : null]),
    );
  }
  return hash.digest("hex");
};

/** Databases of the test run's server instead of a server of its own for each run. */
export const scratchOfRun: Parameters<typeof adopt>[1] = {
  withScratchServer: (work) => work(scratchServerAt(process.env["TEST_DATABASE_URL"] ?? "")),
};

export const copyProject = async (from: string): Promise<ProjectCopy> => {
  const folder = await mkdtemp(join(tmpdir(), "hasura-usage-adopt-"));
  await cp(from, folder, { recursive: true });
  const path = (...parts: readonly string[]): string => join(folder, ...parts);
  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(join(path(name), ".."), { recursive: true });
    await writeFile(path(name), text);
  };
  return {
    folder,
    path,
    read: (name) => readFile(path(name), "utf8"),
    write,
    addMigration: async (name, up, down) => {
      await write(`migrations/default/${name}/up.sql`, up);
      await write(`migrations/default/${name}/down.sql`, down);
    },
    digest: () => digestOf(folder),
    adopt: (options = {}) => adopt({ from: hasuraDir, to: folder, ...options }, scratchOfRun),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
};

export const organisationsDir = join(process.cwd(), "tests", "fixtures", "adopt", "organisations");
export const ordersDir = join(process.cwd(), "examples", "orders", "hasura");

/** How the project of organisations is adopted. */
export const organisationsOptions = {
  tenant: { schema: "public", name: "organisations" },
  members: {
    schema: "public",
    name: "memberships",
    tenantColumn: "org_id",
    userColumn: "person_id",
    roleColumn: "role",
  },
  userClaim: "x-hasura-org-user-id",
  tenantClaim: "x-hasura-org-id",
  roles: [
    { theirs: "member", ours: "user" },
    { theirs: "org_admin", ours: "workspace_admin" },
  ],
} as const satisfies Partial<AdoptOptions>;
