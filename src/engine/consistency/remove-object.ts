import type { InconsistentMetadataError } from "../schema/index.ts";
import {
  type Draft,
  type Entry,
  entriesOf,
  named,
  readName,
  relationshipKinds,
  removeAt,
} from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import type { Inconsistency } from "./inconsistency.ts";

type Removal = (draft: Draft, parts: readonly string[]) => Omit<Inconsistency, "reason"> | undefined;

const withKey =
  (place: "table" | "function", key: string) =>
  (entry: Entry): boolean => {
    const name = readName(entry[place]);
    return `${name.schema}.${name.name}` === key;
  };

/** The objects that errors of the schema name, and how each is taken out of the document. */
const removals: readonly (readonly [RegExp, Removal])[] = [
  [
    /^relationship (\S+) of table (.+)$/,
    (draft, [name, key = ""]) => {
      for (const source of draft.sources) {
        const table = entriesOf(source["tables"]).find(withKey("table", key));
        for (const kind of relationshipKinds) {
          const removed = table && removeAt(table, `${kind}_relationships`, named(name));
          if (removed !== undefined && table !== undefined) {
            const place = readName(table["table"]);
            const sourceName = String(source["name"]);
            return {
              type: `${kind}_relation`,
              name: objectNames.tableObject(`${kind}_relation`, name ?? "", place, sourceName),
              definition: { ...removed, source: sourceName, table: place },
            };
          }
        }
      }
      return undefined;
    },
  ],
  [
    /^computed field (\S+) of table (.+)$/,
    (draft, [name = "", key = ""]) => {
      for (const source of draft.sources) {
        const table = entriesOf(source["tables"]).find(withKey("table", key));
        const removed = table && removeAt(table, "computed_fields", named(name));
        if (removed !== undefined && table !== undefined) {
          const place = readName(table["table"]);
          const sourceName = String(source["name"]);
          return {
            type: "computed_field",
            name: objectNames.tableObject("computed_field", name, place, sourceName),
            definition: { ...removed, source: sourceName, table: place },
          };
        }
      }
      return undefined;
    },
  ],
  [
    /^inherited role (.+)$/,
    (draft, [name = ""]) => {
      const removed = removeAt(draft, "inherited_roles", (entry) => entry["role_name"] === name);
      return (
        removed && { type: "inherited_role", name: objectNames.inheritedRole(name), definition: removed }
      );
    },
  ],
  [
    /^table (.+): (select|insert|update|delete) permission of (.+)$/,
    (draft, [key = "", kind = "", role = ""]) => {
      for (const source of draft.sources) {
        const table = entriesOf(source["tables"]).find(withKey("table", key));
        const removed = table && removeAt(table, `${kind}_permissions`, (entry) => entry["role"] === role);
        if (removed !== undefined && table !== undefined) {
          const place = readName(table["table"]);
          const sourceName = String(source["name"]);
          return {
            type: `${kind}_permission`,
            name: objectNames.tableObject(`${kind}_permission`, role, place, sourceName),
            definition: { ...removed, source: sourceName, table: place },
          };
        }
      }
      return undefined;
    },
  ],
  [
    /^table (.+)$/,
    (draft, [key = ""]) => {
      for (const source of draft.sources) {
        const removed = removeAt(source, "tables", withKey("table", key));
        source["tables"] ??= [];
        if (removed !== undefined) {
          const table = readName(removed["table"]);
          return { type: "table", name: objectNames.table(table, String(source["name"])), definition: table };
        }
      }
      return undefined;
    },
  ],
  [
    /^function (.+)$/,
    (draft, [key = ""]) => {
      for (const source of draft.sources) {
        const removed = removeAt(source, "functions", withKey("function", key));
        if (removed !== undefined) {
          const fn = readName(removed["function"]);
          return {
            type: "function",
            name: objectNames.function(fn, String(source["name"])),
            definition: { function: fn, configuration: removed["configuration"] ?? {} },
          };
        }
      }
      return undefined;
    },
  ],
  [
    /^event trigger (.+)$/,
    (draft, [name = ""]) => {
      for (const source of draft.sources) {
        for (const entry of entriesOf(source["tables"])) {
          const removed = removeAt(entry, "event_triggers", named(name));
          if (removed !== undefined) {
            const table = readName(entry["table"]);
            const sourceName = String(source["name"]);
            return {
              type: "event_trigger",
              name: objectNames.tableObject("event_trigger", name, table, sourceName),
              definition: { table, source: sourceName, configuration: removed },
            };
          }
        }
      }
      return undefined;
    },
  ],
  [
    /^action (.+)$/,
    (draft, [name = ""]) => {
      const removed = removeAt(draft, "actions", named(name));
      return removed && { type: "action", name: objectNames.action(name), definition: removed };
    },
  ],
  [
    /^cron trigger (.+)$/,
    (draft, [name = ""]) => {
      const removed = removeAt(draft, "cron_triggers", named(name));
      return removed && { type: "cron_trigger", name: objectNames.cronTrigger(name), definition: removed };
    },
  ],
];

/**
 * Takes the object that the schema could not be built with out of the document, and says what it was; undefined when it
 * is none that can be taken out.
 */
export const removeObject = (draft: Draft, error: InconsistentMetadataError): Inconsistency | undefined => {
  for (const [pattern, remove] of removals) {
    const match = pattern.exec(error.object);
    const removed = match === null ? undefined : remove(draft, match.slice(1));
    if (removed !== undefined) {
      return { ...removed, reason: `Inconsistent object: ${error.message}` };
    }
  }
  return undefined;
};
