import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { Kind, type ObjectTypeDefinitionNode, parse } from "graphql";
import { parse as parseYaml } from "yaml";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../../hasura/metadata");
const known = ["anonymous", "user", "workspace_admin", "service", "operator"];
const operations = ["insert", "select", "update", "delete"] as const;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface PermissionEntry {
  readonly role: string;
  readonly permission: {
    readonly columns?: readonly string[];
    readonly filter?: Json;
    readonly check?: Json;
    readonly set?: Record<string, string>;
    readonly allow_aggregations?: boolean;
  };
}

interface TableEntry {
  readonly table: { readonly schema: string; readonly name: string };
  readonly object_relationships?: readonly NamedEntry[];
  readonly array_relationships?: readonly NamedEntry[];
  readonly insert_permissions?: readonly PermissionEntry[];
  readonly select_permissions?: readonly PermissionEntry[];
  readonly update_permissions?: readonly PermissionEntry[];
  readonly delete_permissions?: readonly PermissionEntry[];
}

interface NamedEntry {
  readonly name: string;
  readonly permissions?: readonly { readonly role: string }[];
}

interface ActionsFile {
  readonly actions: readonly (NamedEntry & {
    readonly definition: { readonly kind: string; readonly handler: string };
  })[];
  readonly custom_types: { readonly objects: readonly NamedEntry[] };
}

const read = (path: string): unknown => parseYaml(readFileSync(join(folder, path), "utf8"));
const includes = (path: string): readonly string[] =>
  (read(path) as readonly string[]).map((line) => {
    expect(line).toMatch(/^!include [a-z_]+\.yaml$/);
    return join(dirname(path), line.slice("!include ".length));
  });

const tables = (): readonly TableEntry[] =>
  includes("databases/default/tables/tables.yaml").map((path) => read(path) as TableEntry);
const label = (table: TableEntry): string => `${table.table.schema}.${table.table.name}`;
const entries = (table: TableEntry) =>
  operations.flatMap((operation) =>
    (table[`${operation}_permissions`] ?? []).map((entry) => ({ operation, ...entry })),
  );
const hasSession = (rule: Json | undefined): boolean =>
  /x-hasura-workspace-id/i.test(JSON.stringify(rule ?? {}));

describe("the metadata folder", () => {
  it("has every file that the CLI exports, each of them YAML", () => {
    const top = readdirSync(folder).sort();
    expect(top).toEqual([
      "actions.graphql",
      "actions.yaml",
      "allow_list.yaml",
      "api_limits.yaml",
      "backend_configs.yaml",
      "cron_triggers.yaml",
      "databases",
      "graphql_schema_introspection.yaml",
      "inherited_roles.yaml",
      "metrics_config.yaml",
      "network.yaml",
      "opentelemetry.yaml",
      "query_collections.yaml",
      "remote_schemas.yaml",
      "rest_endpoints.yaml",
      "version.yaml",
    ]);
    for (const name of top.filter((file) => file.endsWith(".yaml"))) expect(() => read(name)).not.toThrow();
    expect(read("version.yaml")).toEqual({ version: 3 });
  });

  it("includes exactly the files that exist", () => {
    for (const kind of ["tables", "functions"]) {
      const base = `databases/default/${kind}`;
      const listed = includes(`${base}/${kind}.yaml`);
      for (const path of listed) expect(existsSync(join(folder, path))).toBe(true);
      const present = readdirSync(join(folder, base)).filter((file) => file !== `${kind}.yaml`);
      expect(listed.map((path) => path.slice(base.length + 1)).sort()).toEqual(present.sort());
    }
  });

  it("has its lists in the order of the server's export, so that the CLI's export is no diff", () => {
    const inOrder = (list: readonly string[]): void => {
      expect(list).toEqual([...list].sort());
    };
    inOrder(includes("databases/default/tables/tables.yaml"));
    for (const table of tables()) {
      for (const operation of operations)
        inOrder((table[`${operation}_permissions`] ?? []).map(({ role }) => role));
      for (const kind of ["object_relationships", "array_relationships"] as const)
        inOrder((table[kind] ?? []).map(({ name }) => name));
    }
    inOrder((read("actions.yaml") as ActionsFile).actions.map(({ name }) => name));
    inOrder((read("cron_triggers.yaml") as readonly NamedEntry[]).map(({ name }) => name));
  });

  it("names each file after its table", () => {
    for (const path of includes("databases/default/tables/tables.yaml")) {
      const { table } = read(path) as TableEntry;
      expect(path.endsWith(`/${table.schema}_${table.name}.yaml`)).toBe(true);
    }
  });

  it("joins actions.yaml and actions.graphql by name", () => {
    const { actions, custom_types: types } = read("actions.yaml") as ActionsFile;
    const document = parse(readFileSync(join(folder, "actions.graphql"), "utf8"));
    const objects = document.definitions.filter(
      (node): node is ObjectTypeDefinitionNode => node.kind === Kind.OBJECT_TYPE_DEFINITION,
    );
    const roots = new Set(["Query", "Mutation"]);
    const fields = objects
      .filter((node) => roots.has(node.name.value))
      .flatMap((node) => (node.fields ?? []).map((field) => `${node.name.value}.${field.name.value}`));
    const declared = actions.map(
      ({ name, definition }) => `${definition.kind === "synchronous" ? "Mutation" : "Query"}.${name}`,
    );
    expect(declared.sort()).toEqual(fields.sort());
    for (const { name, definition } of actions)
      expect(definition.handler).toBe(`{{ACTIONS_BASE_URL}}/actions/${name}`);
    const named = objects.map((node) => node.name.value).filter((name) => !roots.has(name));
    expect(types.objects.map(({ name }) => name).sort()).toEqual(named.sort());
  });

  it("uses known roles only, each once", () => {
    const check = (owner: string, roles: readonly string[]) => {
      const expected = known.filter((role) => roles.includes(role)).sort();
      expect({ owner, roles: [...roles].sort() }).toEqual({ owner, roles: expected });
    };
    for (const table of tables())
      for (const operation of operations)
        check(
          `${operation} ${label(table)}`,
          (table[`${operation}_permissions`] ?? []).map(({ role }) => role),
        );
    const { actions } = read("actions.yaml") as ActionsFile;
    for (const { name, permissions } of actions)
      check(
        name,
        (permissions ?? []).map(({ role }) => role),
      );
  });

  it("names the cron triggers after their handlers", () => {
    const triggers = read("cron_triggers.yaml") as readonly { name: string; webhook: string }[];
    expect(triggers.map(({ name }) => name)).toEqual([
      "analytics_apply_retention",
      "analytics_make_months",
      "analytics_roll_activity",
      "usage_expire_reservations",
      "usage_note_alerts",
      "usage_prune_api_calls",
      "usage_prune_ledger",
      "usage_reconcile",
    ]);
    for (const { name, webhook } of triggers) expect(webhook).toBe(`{{ACTIONS_BASE_URL}}/cron/${name}`);
  });
});

describe("what the permissions may never give", () => {
  it("bounds every row of a workspace by the session for every role but operator", () => {
    const open = new Set([
      "billing.add_ons",
      "billing.plans",
      "billing.features",
      "billing.plan_features",
      "billing.plan_limits",
      "usage.metrics",
    ]);
    // An invitation is for a person who is no member yet, so the verified person bounds it.
    const own = new Set([
      "update public.users",
      "user select public.workspace_invitations",
      "user delete public.workspace_invitations",
    ]);
    for (const table of tables())
      for (const { operation, role, permission } of entries(table)) {
        if (role === "operator" || open.has(label(table))) continue;
        const name = `${operation} ${label(table)}`;
        const rule = operation === "insert" ? permission.check : permission.filter;
        const personal = own.has(name) || own.has(`${role} ${name}`);
        const bound = personal ? /x-hasura-user-id/i.test(JSON.stringify(rule)) : hasSession(rule);
        expect({ table: label(table), operation, role, bound }).toEqual({
          table: label(table),
          operation,
          role,
          bound: true,
        });
      }
  });

  it("shows anonymous the price list and nothing else", () => {
    const seen = tables()
      .filter((table) => entries(table).some(({ role }) => role === "anonymous"))
      .map(label);
    expect(seen).toEqual([
      "billing.add_ons",
      "billing.features",
      "billing.plan_features",
      "billing.plan_limits",
      "billing.plans",
    ]);
    const aggregating = tables().filter((table) =>
      entries(table).some((entry) => entry.role === "anonymous" && entry.permission.allow_aggregations),
    );
    expect(aggregating).toEqual([]);
  });

  it("lets no role write plans, limits of plans, counters or decisions", () => {
    const writable = tables()
      .filter((table) => !table.table.schema.startsWith("public"))
      .flatMap((table) =>
        entries(table)
          .filter(({ operation }) => operation !== "select")
          .map(({ operation, role }) => `${role} ${operation} ${label(table)}`),
      );
    expect(writable.sort()).toEqual([
      "operator delete billing.limit_overrides",
      "operator delete billing.member_limits",
      "operator delete billing.plan_graces",
      "operator delete billing.subscription_add_ons",
      "operator insert billing.limit_overrides",
      "operator insert billing.member_limits",
      "operator insert billing.plan_graces",
      "operator insert billing.subscription_add_ons",
      "operator insert billing.subscriptions",
      "operator update billing.limit_overrides",
      "operator update billing.member_limits",
      "operator update billing.plan_graces",
      "operator update billing.subscription_add_ons",
      "operator update billing.subscriptions",
      "workspace_admin delete usage.alert_rules",
      "workspace_admin delete usage.webhook_endpoints",
      "workspace_admin insert usage.alert_rules",
      "workspace_admin update usage.alert_rules",
      "workspace_admin update usage.alerts",
      "workspace_admin update usage.webhook_endpoints",
    ]);
  });

  it("takes workspace and person of an insert from the session", () => {
    for (const table of tables().filter(({ table: { schema } }) => schema === "public"))
      for (const { operation, role, permission } of entries(table)) {
        if (operation === "select" || role === "operator") continue;
        expect(permission.columns ?? []).not.toContain("workspace_id");
        if (operation === "insert") expect(permission.set?.["workspace_id"]).toBe("x-hasura-workspace-id");
        if (role !== "user" && role !== "workspace_admin") continue;
        for (const column of ["user_id", "created_by", "uploader_id", "invited_by", "accepted_by"])
          expect(permission.columns ?? []).not.toContain(column);
      }
  });

  it("lets nobody but the operator put a person into a workspace", () => {
    const members = tables().find((table) => label(table) === "public.workspace_members");
    expect((members?.insert_permissions ?? []).map(({ role }) => role)).toEqual(["operator"]);
  });

  it("keeps a reference inside the workspace", () => {
    for (const table of tables())
      for (const { operation, permission } of entries(table)) {
        if (operation !== "insert") continue;
        for (const column of permission.columns ?? []) {
          const relationship = { channel_id: "channel", call_id: "call" }[column];
          if (relationship !== undefined)
            expect(JSON.stringify(permission.check)).toMatch(
              new RegExp(`"${relationship}":\\{"workspace_id":\\{"_eq":"X-Hasura-Workspace-Id"`),
            );
        }
      }
  });
});
