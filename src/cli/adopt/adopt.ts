import { defaultSessionNames, type RoleName } from "../../core/index.ts";
import { type ScratchServer, type WithScratchServer } from "./database/index.ts";
import { AdoptionRefused, type Fault } from "./fault.ts";
import { readOptional } from "./files.ts";
import { planInstallation } from "./install.ts";
import { choicesOf, type Manifest, manifestPath, parseManifest } from "./manifest.ts";
import type { Choices, Members, TableName } from "./options.ts";
import { type Plan, refusedPlan } from "./outcome.ts";
import { type Project, readProject } from "./project/index.ts";
import { readRelease, type Release } from "./release/index.ts";
import { planRemoval } from "./remove.ts";
import { planUpgrade } from "./upgrade.ts";
import { isInterrupted, journalFolder, recover, writeChanges } from "./write/index.ts";
import { join } from "node:path";

/** What is asked for; what is left out keeps its default, or what the project chose at its installation. */
export interface AdoptOptions {
  /** The product's `hasura` folder. */
  readonly from: string;
  /** Of the release; default that of `package.json` beside `from`. */
  readonly version?: string | undefined;
  /** The project's folder: with `config.yaml`, `metadata` and `migrations`. */
  readonly to: string;
  readonly source?: string | undefined;
  readonly tenant?: TableName | undefined;
  readonly members?: Members | undefined;
  readonly userClaim?: string | undefined;
  readonly tenantClaim?: string | undefined;
  /** None of them keeps what the project has. */
  readonly roles?: readonly RoleName[] | undefined;
  /** A live database of the project, which is only read; without it migrations are applied to a scratch one. */
  readonly databaseUrl?: string | undefined;
  readonly remove?: "keep-history" | "purge" | undefined;
  /** Plans and writes nothing. */
  readonly dryRun?: boolean | undefined;
}

export interface AdoptDeps {
  readonly withScratchServer: WithScratchServer;
}

export interface Adopted extends Plan {
  readonly isWritten: boolean;
}

const isGiven = (value: unknown): boolean => value !== undefined;

const firstChoices = (options: AdoptOptions): Choices => ({
  source: options.source ?? "default",
  tenant:
    options.tenant?.schema === "public" && options.tenant.name === "workspaces" ? undefined : options.tenant,
  members: options.members,
  names: {
    userClaim: options.userClaim ?? defaultSessionNames.userClaim,
    tenantClaim: options.tenantClaim ?? defaultSessionNames.tenantClaim,
    roles: options.roles ?? [],
  },
});

const sameTable = (left: TableName | undefined, right: TableName | undefined): boolean =>
  left?.schema === right?.schema && left?.name === right?.name;

/** Tables and source were decided with the installation, which a migration made; names can change with an upgrade. */
const laterChoices = (
  options: AdoptOptions,
  manifest: Manifest,
): { readonly choices: Choices; readonly faults: readonly Fault[] } => {
  const kept = choicesOf(manifest);
  const asked = firstChoices(options);
  const changed = [
    ["--source", isGiven(options.source) && options.source !== kept.source],
    ["--tenant", isGiven(options.tenant) && !sameTable(asked.tenant, kept.tenant)],
    [
      "--members",
      isGiven(options.members) && JSON.stringify(options.members) !== JSON.stringify(kept.members),
    ],
  ] as const;
  return {
    choices: {
      ...kept,
      names: {
        userClaim: options.userClaim ?? kept.names.userClaim,
        tenantClaim: options.tenantClaim ?? kept.names.tenantClaim,
        roles: options.roles ?? kept.names.roles,
      },
    },
    faults: changed
      .filter(([, isChanged]) => isChanged)
      .map(([option]) => ({
        code: "invalid-option",
        message: `${option} differs from what this project was adopted with`,
        advice:
          option === "--members"
            ? "leave it out; to read other members replace usage.member_role in a migration of your own"
            : "leave it out; to change it, --remove first and adopt again",
      })),
  };
};

interface Planning {
  readonly options: AdoptOptions;
  readonly project: Project;
  readonly manifest: Manifest | undefined;
  readonly withScratchServer: WithScratchServer;
}

const plan = async ({ options, project, manifest, withScratchServer }: Planning): Promise<Plan> => {
  const database = { databaseUrl: options.databaseUrl, withScratchServer };
  if (options.remove !== undefined) {
    if (manifest === undefined)
      return refusedPlan({ action: "remove", installed: undefined, release: "" }, [
        {
          code: "invalid-project",
          message: `there is no ${manifestPath} in ${options.to}: the project is not adopted`,
          advice: "name the folder that adopt wrote into",
        },
      ]);
    return planRemoval({ project, manifest, purge: options.remove === "purge", database });
  }
  const release: Release = await readRelease(options.from, options.version);
  if (manifest === undefined)
    return planInstallation({ project, release, choices: firstChoices(options), database });
  const { choices, faults } = laterChoices(options, manifest);
  if (faults.length > 0)
    return refusedPlan({ action: "upgrade", installed: manifest.release, release: release.version }, faults);
  return planUpgrade({ project, release, manifest, choices, database });
};

/** Starts the server with its first use and keeps it until the end of `work`. */
const withSharedServer = async <T>(
  withServer: WithScratchServer,
  work: (shared: WithScratchServer) => Promise<T>,
): Promise<T> => {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let lent: Promise<ScratchServer> | undefined;
  let running: Promise<void> | undefined;
  const lend = (): Promise<ScratchServer> => {
    lent ??= new Promise((resolve, reject) => {
      running = withServer(async (server) => {
        resolve(server);
        await ended;
      });
      running.catch(reject);
    });
    return lent;
  };
  try {
    return await work(async (use) => use(await lend()));
  } finally {
    end();
    await running?.catch(() => undefined);
  }
};

const recoverFirst = async ({ to, dryRun }: AdoptOptions): Promise<readonly Fault[]> => {
  if (!(await isInterrupted(to))) return [];
  if (dryRun !== true) return recover(to);
  return [
    {
      code: "interrupted",
      message: `a run was interrupted while it wrote into ${to} (${journalFolder})`,
      advice: "run without --dry-run: it takes back what that run wrote, and begins anew",
    },
  ];
};

/**
 * Puts the product into a Hasura project's folder, brings it up to date there or takes it out. Everything is checked first: with
 * faults nothing is written, and what is written is written whole or not at all. No database of the project is changed.
 */
export const adopt = async (options: AdoptOptions, deps: AdoptDeps): Promise<Adopted> => {
  const action = options.remove === undefined ? "install" : "remove";
  const refused = (faults: readonly Fault[]): Adopted => ({
    ...refusedPlan({ action, installed: undefined, release: options.version ?? "" }, faults),
    isWritten: false,
  });
  try {
    const interrupted = await recoverFirst(options);
    if (interrupted.length > 0) return refused(interrupted);
    const manifest = parseManifest(await readOptional(join(options.to, manifestPath)));
    const project = await readProject(options.to);
    const planned = await withSharedServer(deps.withScratchServer, (withScratchServer) =>
      plan({ options, project, manifest, withScratchServer }),
    );
    const isWritten = planned.faults.length === 0 && options.dryRun !== true && planned.changes.length > 0;
    if (isWritten) await writeChanges(options.to, planned.changes);
    return { ...planned, isWritten };
  } catch (error) {
    if (error instanceof AdoptionRefused) return refused(error.faults);
    throw error;
  }
};
