import type { Adopted } from "./adopt.ts";
import type { Kept } from "./metadata/index.ts";
import type { FileChange } from "./project/index.ts";

const kinds = ({ before, after }: FileChange): "create" | "change" | "delete" =>
  before === null ? "create" : after === null ? "delete" : "change";

const keptText = ({ path, entry, reason }: Kept): string =>
  `${entry === undefined ? path : `${entry} in ${path}`} was ${reason} by you: left as it is`;

/** For a program: what was found, and what was or would be written. */
export const reportJson = (adopted: Adopted): Readonly<Record<string, unknown>> => ({
  action: adopted.action,
  installed: adopted.installed ?? null,
  release: adopted.release,
  written: adopted.isWritten,
  migration: adopted.migration ?? null,
  changes: adopted.changes.map((change) => ({ path: change.path, change: kinds(change) })),
  kept: adopted.kept,
  notes: adopted.notes,
  faults: adopted.faults,
});

const line = (label: string, text: string): string => `${label.padEnd(9)} ${text}`;

const done: Readonly<Record<Adopted["action"], readonly [done: string, planned: string]>> = {
  install: ["installed", "would install"],
  upgrade: ["upgraded", "would upgrade"],
  remove: ["removed", "would remove"],
  none: ["nothing to do:", "nothing to do:"],
};

const nextSteps = ({ action, migration }: Adopted): readonly string[] => {
  switch (action) {
    case "install":
      return [
        "add a migration of your own: a metric, its limits, usage.attach_meter on your table",
        "run the actions server with DATABASE_URL and ACTION_SECRET; give Hasura ACTIONS_BASE_URL and the same ACTION_SECRET",
        "then hasura deploy",
      ];
    case "upgrade":
      return ["start the actions server and the gateway of this release, then hasura deploy"];
    case "remove":
      return migration === undefined ? [] : ["hasura deploy, then stop the actions server and the gateway"];
    case "none":
      return [];
  }
};

const summary = ({ action, installed, release, isWritten }: Adopted): string => {
  const [past, planned] = done[action];
  const from = action === "upgrade" && installed !== release ? `${installed ?? ""} → ${release}` : release;
  return `${isWritten || action === "none" ? past : planned} hasura-usage ${from}`;
};

const count = (changes: readonly FileChange[], kind: string): number =>
  changes.filter((change) => kinds(change) === kind).length;

/** For a person: one line each. */
export const renderReport = (adopted: Adopted, settings: readonly string[]): readonly string[] => {
  const { faults, changes, kept, notes, action, isWritten } = adopted;
  if (faults.length > 0)
    return [
      ...faults.map(({ message, advice }) => line("fault", `${message}; ${advice}`)),
      line("result", `${String(faults.length)} found, nothing was written`),
    ];
  const counts = (["create", "change", "delete"] as const)
    .map((kind) => [count(changes, kind), kind] as const)
    .filter(([many]) => many > 0)
    .map(([many, kind]) => `${String(many)} ${kind}d`);
  return [
    ...(isWritten || changes.length === 0
      ? changes.length === 0
        ? []
        : [line("files", counts.join(", "))]
      : changes.map((change) => line(kinds(change), change.path))),
    ...(adopted.migration === undefined ? [] : [line("migration", adopted.migration)]),
    ...kept.map((one) => line("warning", keptText(one))),
    ...notes.map((note) => line("note", note)),
    line("result", summary(adopted)),
    ...(isWritten ? nextSteps(adopted).map((step) => line("next", step)) : []),
    ...(isWritten && action === "install"
      ? settings.map((setting) => line("setting", `${setting} for the actions server and the gateway`))
      : []),
  ];
};
