/** `npm run adopt -- <folder of a Hasura project>`: see `--help`. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { defaultSessionNames } from "../core/index.ts";
import {
  adopt,
  type Adopted,
  AdoptionRefused,
  type AdoptOptions,
  parseClaim,
  parseMembers,
  parseRole,
  parseTable,
  renderReport,
  reportJson,
  withEmbeddedServer,
} from "./adopt/index.ts";
import { projectRoot } from "./settings.ts";

const help = `Puts hasura-usage into a Hasura v2 project's folder, upgrades it there, or takes it out.
Only files of that folder are written; no database is changed.

  npm run adopt -- <folder> [options]

Examples
  npm run adopt -- ../shop/hasura --tenant public.shops --dry-run
  npm run adopt -- ../crm/hasura --tenant public.organisations \\
    --members public.memberships:org_id,user_id,role \\
    --user-claim x-hasura-org-user-id --tenant-claim x-hasura-org-id \\
    --role member=user --role org_admin=workspace_admin
  npm run adopt -- ../shop/hasura                   again, with a later release: upgrades
  npm run adopt -- ../shop/hasura --remove

Options
  --tenant <schema.table>    your table of tenants; its key is one uuid. Without it: public.workspaces, tracked
  --members <schema.table:tenant_column,user_column[,role_column]>
                             who belongs to which tenant. Without it the token alone decides
  --source <name>            source in the metadata (default)
  --user-claim <variable>    session variable with the user's id (${defaultSessionNames.userClaim})
  --tenant-claim <variable>  session variable with the tenant's id (${defaultSessionNames.tenantClaim})
  --role <yours>=<ours>      your role for anonymous, user, workspace_admin, service or operator; repeatable
  --database-url <url>       a database that has your migrations, only read, where they cannot run on a scratch one
  --remove                   takes it out: metadata at once, the database by a migration
  --purge                    with --remove: deletes the migrations instead, where they were never applied
  --dry-run                  says what would be written, and writes nothing
  --json                     the same for a program
  --help                     this text

Exit codes: 0 done, nothing to do, or a dry run without faults; 1 failed; 2 wrong options; 3 faults found, nothing written
`;

const exitCodes = { failed: 1, usage: 2, faults: 3 } as const;

const optionTypes = {
  tenant: { type: "string" },
  members: { type: "string" },
  source: { type: "string" },
  "user-claim": { type: "string" },
  "tenant-claim": { type: "string" },
  role: { type: "string", multiple: true },
  "database-url": { type: "string" },
  remove: { type: "boolean", default: false },
  purge: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

class UsageError extends Error {}

interface Command {
  readonly options: AdoptOptions;
  readonly json: boolean;
}

const given = <T>(text: string | undefined, parse: (text: string) => T): T | undefined =>
  text === undefined ? undefined : parse(text);

const readCommand = (args: readonly string[]): Command | undefined => {
  const parsed = (() => {
    try {
      return parseArgs({ args: [...args], allowPositionals: true, options: optionTypes });
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  const { values, positionals } = parsed;
  if (values.help) return undefined;
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new UsageError("name one folder");
  if (values.purge && !values.remove) throw new UsageError("--purge goes with --remove");
  const claim = (name: "user-claim" | "tenant-claim") =>
    given(values[name], (text) => parseClaim(`--${name}`, text));
  try {
    return {
      json: values.json,
      options: {
        from: join(projectRoot, "hasura"),
        to: resolve(folder),
        source: values.source,
        tenant: given(values.tenant, parseTable),
        members: given(values.members, parseMembers),
        userClaim: claim("user-claim"),
        tenantClaim: claim("tenant-claim"),
        roles: values.role?.map(parseRole),
        databaseUrl: values["database-url"],
        remove: values.remove ? (values.purge ? "purge" : "keep-history") : undefined,
        dryRun: values["dry-run"],
      },
    };
  } catch (error) {
    if (!(error instanceof AdoptionRefused)) throw error;
    throw new UsageError(error.faults.map(({ message, advice }) => `${message}; ${advice}`).join("\n"));
  }
};

/** What the actions server and the gateway need to read sessions by the project's names. */
const settingsOf = ({ userClaim, tenantClaim, roles }: AdoptOptions): readonly string[] => [
  ...(userClaim === undefined ? [] : [`USAGE_USER_CLAIM=${userClaim}`]),
  ...(tenantClaim === undefined ? [] : [`USAGE_TENANT_CLAIM=${tenantClaim}`]),
  ...(roles === undefined || roles.length === 0
    ? []
    : [`USAGE_ROLE_MAP=${roles.map(({ theirs, ours }) => `${theirs}=${ours}`).join(",")}`]),
];

const report = (adopted: Adopted, { json, options }: Command): void => {
  if (json) console.log(JSON.stringify(reportJson(adopted), null, 2));
  else for (const line of renderReport(adopted, settingsOf(options))) console.log(line);
};

async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  if (command === undefined) {
    console.log(help);
    return;
  }
  const adopted = await adopt(command.options, { withScratchServer: withEmbeddedServer });
  report(adopted, command);
  if (adopted.faults.length > 0) process.exitCode = exitCodes.faults;
}

main().catch((error: unknown) => {
  const isUsage = error instanceof UsageError;
  console.error(`adopt: ${error instanceof Error ? error.message : String(error)}`);
  if (isUsage) console.error("adopt: see --help");
  process.exitCode = isUsage ? exitCodes.usage : exitCodes.failed;
});
