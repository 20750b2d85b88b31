import { defaultSessionNames, type SessionNameSettings } from "../../../core/index.ts";
import type { Choices } from "../options.ts";
import type { Release, Script } from "../release/index.ts";
import { hookScripts } from "./hooks.ts";
import { quoteLiteral } from "./identifier.ts";
import { type Tenant, workspacesMirror, workspacesTable } from "./workspaces.ts";

export interface InstallInput {
  readonly release: Release;
  readonly choices: Choices;
  /** The application's tenants; undefined where `public.workspaces` is its own. */
  readonly tenant: Tenant | undefined;
}

/** Takes off the application's tables what the product put there: triggers of meters, without counting back, and workspace columns. */
export const detachTables = `do $$
declare
  _relation regclass;
  _column text;
begin
  for _relation in
    select distinct meter.relation
    from usage.meters as meter
    join pg_catalog.pg_class as relation
      on relation.oid = meter.relation
    order by meter.relation
  loop
    delete from usage.meters as meter
    where meter.relation = _relation;
    perform usage.rebuild_meters(_relation);
  end loop;

  -- A table goes before the one that its rows take their workspace from.
  loop
    select foreign_key.conrelid::regclass, attribute.attname::text
    into _relation, _column
    from pg_catalog.pg_constraint as foreign_key
    join pg_catalog.pg_attribute as attribute
      on attribute.attrelid = foreign_key.conrelid
      and attribute.attnum = foreign_key.conkey[2]
    where foreign_key.conname = 'usage_workspace_fkey'
      and not exists (
        select
        from pg_catalog.pg_constraint as child
        where child.confrelid = foreign_key.conrelid
          and child.conname = 'usage_workspace_fkey'
      )
    order by foreign_key.conrelid
    limit 1;
    exit when not found;
    perform usage.drop_workspace_column(_relation, _column);
  end loop;
end
$$;
`;

/** The names of the session variables that the database reads. */
export const settingsScript = ({ tenantClaim, userClaim }: SessionNameSettings): string =>
  [
    ["tenant_claim", tenantClaim],
    ["user_claim", userClaim],
  ]
    .map(
      ([key = "", value = ""]) => `insert into usage.settings (key, value)
values (${quoteLiteral(key)}, ${quoteLiteral(value)})
on conflict (key) do update
set value = excluded.value;
`,
    )
    .join("\n");

const isDefault = ({ tenantClaim, userClaim }: SessionNameSettings): boolean =>
  tenantClaim === defaultSessionNames.tenantClaim && userClaim === defaultSessionNames.userClaim;

const settings = (names: SessionNameSettings): readonly Script[] =>
  isDefault(names) ? [] : [{ name: "settings", up: settingsScript(names), down: "" }];

/** Everything that a project gets, in order. */
export const installScripts = ({ release, choices, tenant }: InstallInput): readonly Script[] => [
  ...(tenant === undefined ? [] : [workspacesTable(tenant)]),
  ...release.migrations,
  ...(tenant === undefined ? [] : [workspacesMirror(tenant)]),
  ...hookScripts(release.hooks, choices.members, choices.names.roles),
  ...settings(choices.names),
  { name: "catalogue", up: release.catalogue, down: "" },
];

const section = (name: string, text: string): string => `-- ${name}\n\n${text.trim()}\n`;

/** One script of several: there in order, back in reverse. */
export const joinScripts = (scripts: readonly Script[]): Pick<Script, "up" | "down"> => ({
  up: scripts.map(({ name, up }) => section(name, up)).join("\n"),
  down: scripts
    .toReversed()
    .filter(({ down }) => down.trim() !== "")
    .map(({ name, down }) => section(name, down))
    .join("\n"),
});

/** The one migration that installs a release. */
export const installMigration = (input: InstallInput): Pick<Script, "up" | "down"> => {
  const { up, down } = joinScripts(installScripts(input));
  const title = `-- Installs hasura-usage ${input.release.version}. Written by adopt: change what it makes in migrations of your own.\n\n`;
  return { up: title + up, down: `${section("tables of the application", detachTables)}\n${down}` };
};
