import type { Queryable } from "../../core/index.ts";
import { configuredHeaders, fillTemplate, type Environment } from "../actions/index.ts";
import { readCatalog, type Catalog } from "../catalog/index.ts";
import {
  checkConsistency,
  inheritanceConflict,
  type Inconsistency,
  removeObject,
} from "../consistency/index.ts";
import { HasuraError } from "../errors.ts";
import { type Metadata, parseMetadata } from "../metadata/index.ts";
import { type Draft, entriesOf, readName } from "../metadata-api/document.ts";
import { qualifiedKey } from "../metadata/types.ts";
import {
  adminRole,
  buildRoleSchema,
  InconsistentMetadataError,
  type RoleSchema,
  type SchemaOptions,
  withInheritedRoles,
} from "../schema/index.ts";
import { checkTransforms } from "../transforms/index.ts";
import { readEventTriggers, readSchedule, resolveWebhook } from "../triggers/index.ts";

import { type AllowList, createAllowList } from "./allow-list.ts";

/** Everything that follows from metadata and database; replaced as a whole, never changed. */
export interface EngineState {
  /** The whole metadata, as it is exported and stored. */
  readonly document: Draft;
  readonly inconsistencies: readonly Inconsistency[];
  /** The document without what is inconsistent, and what is served of it. */
  readonly consistent: Draft;
  readonly metadata: Metadata;
  readonly catalog: Catalog;
  readonly resourceVersion: number;
  readonly isAllowed: AllowList;
  /** Whether metadata names the role anywhere. */
  isKnownRole(role: string): boolean;
  /** Built when a role is first seen; the fields for trusted backends make a schema of their own. */
  schemaFor(role: string, backendOnly: boolean): RoleSchema;
}

export interface BuildStateInput {
  readonly document: Draft;
  readonly catalog: Catalog;
  readonly resourceVersion: number;
  readonly environment: Environment;
  readonly options: SchemaOptions;
}

const named = (object: string, check: () => unknown): void => {
  try {
    check();
  } catch (error) {
    if (error instanceof HasuraError) throw new InconsistentMetadataError(object, error.message);
    throw error;
  }
};

/** Refuses webhooks that could not be called and schedules that never come. */
const checkWebhooks = (metadata: Metadata, environment: Environment): void => {
  for (const action of metadata.actions) {
    named(`action ${action.name}`, () => {
      if (action.kind === "asynchronous" && action.operation === "query") {
        throw new HasuraError({
          message: "an asynchronous action must be a mutation",
          code: "not-supported",
        });
      }
      fillTemplate(action.handler, environment);
      configuredHeaders(action.headers, environment);
      checkTransforms(action);
    });
  }
  for (const { table, permissions } of metadata.sources.flatMap((source) => source.tables)) {
    for (const kind of ["insert", "update", "delete"] as const) {
      for (const [role, { validateInput }] of permissions[kind]) {
        if (validateInput === undefined) continue;
        named(`table ${qualifiedKey(table)}: ${kind} permission of ${role}`, () => {
          fillTemplate(validateInput.url, environment);
          configuredHeaders(validateInput.headers, environment);
        });
      }
    }
  }
  for (const trigger of metadata.cronTriggers) {
    named(`cron trigger ${trigger.name}`, () => {
      fillTemplate(trigger.webhook, environment);
      configuredHeaders(trigger.headers, environment);
      checkTransforms(trigger);
      readSchedule(trigger);
    });
  }
  for (const trigger of metadata.sources.flatMap(({ tables }) =>
    tables.flatMap((table) => table.eventTriggers),
  )) {
    named(`event trigger ${trigger.name}`, () => {
      resolveWebhook(trigger.webhook, environment);
      configuredHeaders(trigger.headers, environment);
      checkTransforms(trigger);
    });
  }
};

/** Each on its own, so that the one at fault is named. */
const checkEventTriggers = (metadata: Metadata, catalog: Catalog, options: SchemaOptions): void => {
  for (const source of metadata.sources) {
    for (const table of source.tables) {
      for (const trigger of table.eventTriggers) {
        const alone = {
          ...metadata,
          sources: [{ ...source, tables: [{ ...table, eventTriggers: [trigger] }] }],
        };
        named(`event trigger ${trigger.name}`, () =>
          readEventTriggers(alone, catalog, options.stringifyNumericTypes),
        );
      }
    }
  }
};

const rolesOf = (metadata: Metadata): ReadonlySet<string> => {
  const roles = new Set<string>([adminRole]);
  for (const source of metadata.sources) {
    for (const { permissions } of source.tables) {
      for (const kind of [permissions.select, permissions.insert, permissions.update, permissions.delete]) {
        for (const role of kind.keys()) roles.add(role);
      }
    }
    for (const fn of source.functions) for (const role of fn.permissions) roles.add(role);
  }
  for (const action of metadata.actions) for (const role of action.permissions) roles.add(role);
  for (const inherited of metadata.inheritedRoles) roles.add(inherited.roleName);
  return roles;
};

/** The database as this metadata sees it: rows of enum tables are part of the schema. */
export const readCatalogFor = (database: Queryable, document: Draft): Promise<Catalog> =>
  readCatalog(database, {
    enumTables: document.sources.flatMap((source) =>
      entriesOf(source["tables"])
        .filter((entry) => entry["is_enum"] === true)
        .map((entry) => readName(entry["table"])),
    ),
  });

type Schemas = Pick<EngineState, "schemaFor" | "isKnownRole">;

/** Builds the schema of every role that the metadata names, so that a fault shows before the first request. */
const buildSchemas = (metadata: Metadata, input: BuildStateInput): Schemas => {
  const { catalog, options } = input;
  checkWebhooks(metadata, input.environment);
  checkEventTriggers(metadata, catalog, options);
  const schemas = new Map<string, RoleSchema>();
  const schemaFor = (role: string, backendOnly: boolean): RoleSchema => {
    const key = `${backendOnly ? "backend" : "client"} ${role}`;
    let schema = schemas.get(key);
    if (schema === undefined) {
      schema = buildRoleSchema({ metadata, catalog, role, backendOnly, options });
      schemas.set(key, schema);
    }
    return schema;
  };
  const known = rolesOf(metadata);
  for (const role of known) schemaFor(role, false);
  // No role has a type or a root field that admin lacks: where admin's names do not clash, no role's do.
  void schemaFor(adminRole, false).schema;
  return {
    isKnownRole: (role) => known.has(role),
    schemaFor: (role, backendOnly) =>
      // Any role name may be asked for with the admin secret; only known ones are kept.
      known.has(role)
        ? schemaFor(role, backendOnly)
        : buildRoleSchema({ metadata, catalog, role, backendOnly, options }),
  };
};

const conflictsOf = (metadata: Metadata): readonly Inconsistency[] =>
  withInheritedRoles(metadata).conflicts.map(({ role, permission, source, table, reason }) => ({
    reason,
    name: role,
    type: inheritanceConflict,
    entity: { permission_type: permission, source, table },
  }));

/**
 * Everything the engine serves of a document. Objects that do not fit the database are left out and named; whether that
 * is acceptable is the caller's decision.
 */
export const buildState = (input: BuildStateInput): EngineState => {
  const { document, catalog, resourceVersion } = input;
  // A key that would not be carried out is refused even inside an object that is left out.
  const whole = parseMetadata(document);
  const checked = checkConsistency(document, catalog);
  const inconsistencies = [...checked.inconsistencies];
  let consistent = checked.document;
  let metadata = inconsistencies.length === 0 ? whole : parseMetadata(consistent);
  for (;;) {
    try {
      const schemas = buildSchemas(metadata, input);
      inconsistencies.push(...conflictsOf(metadata));
      return {
        document,
        inconsistencies,
        consistent,
        metadata,
        catalog,
        resourceVersion,
        isAllowed: createAllowList(metadata),
        ...schemas,
      };
    } catch (error) {
      if (!(error instanceof InconsistentMetadataError)) throw error;
      consistent = structuredClone(consistent);
      const removed = removeObject(consistent, error);
      if (removed === undefined) throw error;
      inconsistencies.push(removed);
      metadata = parseMetadata(consistent);
    }
  }
};
