import type { RoleName } from "../../../core/index.ts";
import type { Members } from "../options.ts";
import type { Hook, Script } from "../release/index.ts";
import { refuse } from "../fault.ts";
import { quoteIdent, quoteLiteral, quoteTable } from "./identifier.ts";

/** The default that is installed where the application has no table of members. */
const withoutTable = "_without_table";

const managers = new Set(["owner", "admin"]);

/** The role of a member; a role of the application that stands for `workspace_admin` may administer the workspace. */
const roleExpression = ({ roleColumn }: Members, roles: readonly RoleName[]): string => {
  if (roleColumn === undefined) return "'member'";
  const column = quoteIdent(roleColumn);
  const mapped = roles.filter(({ theirs, ours }) => ours === "workspace_admin" && !managers.has(theirs));
  if (mapped.length === 0) return column;
  const cases = mapped.map(({ theirs }) => `when ${quoteLiteral(theirs)} then 'admin'`);
  return `case ${column}::text ${cases.join(" ")} else ${column}::text end`;
};

const isMissing = (name: string, hooks: readonly Hook[]): boolean =>
  !hooks.some((hook) => hook.name === name);

/** Of two defaults of one hook the one that fits: with the application's table of members or without. */
const chosen = (hooks: readonly Hook[], members: Members | undefined): readonly Hook[] =>
  hooks.filter(({ name }) => {
    if (name.endsWith(withoutTable)) return members === undefined;
    return members !== undefined || isMissing(`${name}${withoutTable}`, hooks);
  });

/** A hook creates one object and comments on it, so the comment has the name to drop. */
const dropOf = ({ name, text }: Hook): string => {
  const object = /^comment on ((?:function|view) [^;]+?) is '/mu.exec(text)?.[1];
  if (object === undefined)
    throw refuse("invalid-release", `the hook ${name} of the release has no comment`, "report this fault");
  return `drop ${object};\n`;
};

/** The defaults of the hooks, which belong to the project from its installation on. */
export const hookScripts = (
  hooks: readonly Hook[],
  members: Members | undefined,
  roles: readonly RoleName[],
): readonly Script[] => {
  const values: Readonly<Record<string, string>> =
    members === undefined
      ? {}
      : {
          member_table: quoteTable(members),
          member_tenant_column: quoteIdent(members.tenantColumn),
          member_user_column: quoteIdent(members.userColumn),
          member_role_column: roleExpression(members, roles),
        };
  return chosen(hooks, members).map((hook) => ({
    name: hook.name.replace(withoutTable, ""),
    up: hook.text.replaceAll(/\{\{(\w+)\}\}/gu, (_all, key: string) => {
      const value = values[key];
      if (value === undefined)
        throw refuse(
          "invalid-release",
          `the hook ${hook.name} has an unknown placeholder ${key}`,
          "report this fault",
        );
      return value;
    }),
    down: dropOf(hook),
  }));
};
