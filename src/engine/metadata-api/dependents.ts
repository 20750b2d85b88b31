import type { QualifiedName } from "../metadata/index.ts";
import { refuse } from "./arguments.ts";
import {
  type Draft,
  type Entry,
  entriesOf,
  isEntry,
  permissionKinds,
  readName,
  relationshipKinds,
  removeAt,
  sameName,
  shortName,
} from "./document.ts";

/** Something in the metadata that cannot stay when another thing goes. */
export interface Dependent {
  /** In Hasura's words: `permission article.user.select in source "default"`. */
  readonly text: string;
  remove(): void;
}

const inSource = (text: string, source: Entry): string => `${text} in source "${String(source["name"])}"`;

/** Names that a boolean expression or a list of columns mentions, at any depth. */
const mentions = (value: unknown, name: string): boolean => {
  if (Array.isArray(value)) return value.some((item) => item === name || mentions(item, name));
  if (!isEntry(value)) return false;
  return Object.entries(value).some(([key, inner]) => key === name || mentions(inner, name));
};

const mentionsTable = (value: unknown, table: QualifiedName): boolean => {
  if (Array.isArray(value)) return value.some((item) => mentionsTable(item, table));
  if (!isEntry(value)) return false;
  const named = value["_table"] ?? value["$table"];
  if (named !== undefined && sameName(readName(named), table)) return true;
  return Object.values(value).some((inner) => mentionsTable(inner, table));
};

/** The table a relationship leads to, as far as the metadata alone says it. */
export const relationshipTarget = (relationship: Entry): QualifiedName | undefined => {
  const using = isEntry(relationship["using"]) ? relationship["using"] : {};
  const key = using["foreign_key_constraint_on"];
  const manual = using["manual_configuration"];
  if (isEntry(manual)) return readName(manual["remote_table"]);
  return isEntry(key) ? readName(key["table"]) : undefined;
};

interface Place {
  readonly source: Entry;
  readonly table: Entry;
  readonly name: QualifiedName;
}

const places = (draft: Draft): readonly Place[] =>
  draft.sources.flatMap((source) =>
    entriesOf(source["tables"]).map((table) => ({ source, table, name: readName(table["table"]) })),
  );

const relationshipOf = (place: Place, kind: string, relationship: Entry): Dependent => ({
  text: inSource(`relationship ${shortName(place.name)}.${String(relationship["name"])}`, place.source),
  remove: () => {
    removeAt(place.table, `${kind}_relationships`, (entry) => entry["name"] === relationship["name"]);
  },
});

const permissionOf = (place: Place, kind: string, permission: Entry): Dependent => ({
  text: inSource(`permission ${shortName(place.name)}.${String(permission["role"])}.${kind}`, place.source),
  remove: () => {
    removeAt(place.table, `${kind}_permissions`, (entry) => entry["role"] === permission["role"]);
  },
});

const relationshipsWhere = (
  place: Place,
  found: (relationship: Entry, kind: string) => boolean,
): readonly Dependent[] =>
  relationshipKinds.flatMap((kind) =>
    entriesOf(place.table[`${kind}_relationships`])
      .filter((relationship) => found(relationship, kind))
      .map((relationship) => relationshipOf(place, kind, relationship)),
  );

const permissionsWhere = (place: Place, found: (permission: unknown) => boolean): readonly Dependent[] =>
  permissionKinds.flatMap((kind) =>
    entriesOf(place.table[`${kind}_permissions`])
      .filter((permission) => found(permission["permission"]))
      .map((permission) => permissionOf(place, kind, permission)),
  );

/**
 * What depends on a table from outside of it. `targets` completes relationships whose foreign key stands in their own
 * table: only the database knows where those lead.
 */
export const dependentsOfTable = (
  draft: Draft,
  table: QualifiedName,
  targets: (from: QualifiedName, columns: readonly string[]) => QualifiedName | undefined,
): readonly Dependent[] =>
  places(draft).flatMap((place) => {
    if (sameName(place.name, table)) return [];
    const leadsTo = (relationship: Entry): boolean => {
      const stated = relationshipTarget(relationship);
      if (stated !== undefined) return sameName(stated, table);
      const using = isEntry(relationship["using"]) ? relationship["using"] : {};
      const columns = [using["foreign_key_constraint_on"]].flat().map(String);
      const target = targets(place.name, columns);
      return target !== undefined && sameName(target, table);
    };
    return [
      ...relationshipsWhere(place, leadsTo),
      ...permissionsWhere(place, (permission) => mentionsTable(permission, table)),
    ];
  });

/** Permissions that name a relationship, a column or a computed field of their own table. */
export const permissionsNaming = (draft: Draft, table: QualifiedName, name: string): readonly Dependent[] =>
  places(draft)
    .filter((place) => sameName(place.name, table))
    .flatMap((place) => permissionsWhere(place, (permission) => mentions(permission, name)));

/** Relationships that join by a column of their own table. */
export const relationshipsOn = (draft: Draft, table: QualifiedName, column: string): readonly Dependent[] =>
  places(draft).flatMap((place) =>
    relationshipsWhere(place, (relationship) => {
      const using = isEntry(relationship["using"]) ? relationship["using"] : {};
      const key = using["foreign_key_constraint_on"];
      const manual = using["manual_configuration"];
      const own = sameName(place.name, table);
      if (isEntry(manual)) {
        const mapping = isEntry(manual["column_mapping"]) ? manual["column_mapping"] : {};
        return (
          (own && Object.hasOwn(mapping, column)) ||
          (sameName(readName(manual["remote_table"]), table) && Object.values(mapping).includes(column))
        );
      }
      if (isEntry(key)) {
        return (
          sameName(readName(key["table"]), table) && [key["column"], key["columns"]].flat().includes(column)
        );
      }
      return own && [key].flat().includes(column);
    }),
  );

/** Refuses while something depends, or takes it away when the administrator said so. */
export const settleDependents = (dependents: readonly Dependent[], cascade: boolean): void => {
  if (dependents.length === 0) return;
  if (!cascade) {
    refuse(
      "dependency-error",
      `cannot drop due to the following dependent objects: ${dependents.map(({ text }) => text).join(", ")}`,
    );
  }
  for (const dependent of dependents) dependent.remove();
};
