import type { Database, Logger } from "../../core/index.ts";
import type { Environment } from "../actions/index.ts";
import { checkConsistency, inheritanceConflict, type Inconsistency } from "../consistency/index.ts";
import type { Metadata } from "../metadata/index.ts";
import {
  canonicalDocument,
  ChangeSession,
  createMetadataStore,
  type Draft,
  hasEventTriggers,
  refuseInconsistent,
  refuseNew,
  type StoredMetadata,
} from "../metadata-api/index.ts";
import { InconsistentMetadataError, type SchemaOptions } from "../schema/index.ts";
import { buildState, readCatalogFor, type EngineState } from "./state.ts";

export interface LiveStateDeps {
  readonly database: Database;
  readonly logger: Logger;
  readonly environment: Environment;
  readonly options: SchemaOptions;
  /** Undefined: what the database holds. Given, it is what holds, as if Hasura's CLI had applied it. */
  readonly metadata: Metadata | undefined;
  /** Serve what fits of the given metadata and leave out the rest, instead of refusing to start. */
  readonly allowInconsistentMetadata: boolean;
  /** Takes over what lies outside of the schema, such as cron triggers. */
  readonly install: (state: EngineState) => Promise<void>;
}

export interface LiveState {
  current(): EngineState;
  change<T>(work: (session: ChangeSession) => Promise<T>): Promise<T>;
  check(document: Draft, catalog: EngineState["catalog"]): readonly Inconsistency[];
  /** Refuses metadata that does not fit the database. */
  replaceMetadata(metadata: Metadata): Promise<void>;
  /** Reads the database again; what no longer fits is left out and named. */
  reload(): Promise<void>;
}

const refuse = (inconsistencies: readonly Inconsistency[]): void => {
  const [first] = inconsistencies.filter(({ type }) => type !== inheritanceConflict);
  if (first === undefined) return;
  throw new InconsistentMetadataError(
    first.name ?? first.type,
    inconsistencies.map(({ reason }) => reason).join("; "),
  );
};

/** What a fresh Hasura begins with: the database it was started on, nothing of it tracked. */
const freshDocument: Draft = {
  version: 3,
  sources: [
    {
      name: "default",
      kind: "postgres",
      tables: [],
      configuration: {
        connection_info: {
          database_url: { from_env: "HASURA_GRAPHQL_DATABASE_URL" },
          isolation_level: "read-committed",
          use_prepared_statements: false,
        },
      },
    },
  ],
};

const firstDocument = (stored: StoredMetadata): Draft => {
  const document = canonicalDocument(stored.document);
  return stored.resourceVersion <= 1 && document.sources.length === 0 ? freshDocument : document;
};

/** The state that requests are served from, and the one way to replace it: checked, built, stored, swapped. */
export const createLiveState = async (deps: LiveStateDeps): Promise<LiveState> => {
  const { database, environment, options } = deps;
  const store = createMetadataStore(database);
  const build = (document: Draft, catalog: EngineState["catalog"], resourceVersion: number): EngineState =>
    buildState({ document, catalog, resourceVersion, environment, options });
  const check: LiveState["check"] = (document, catalog) =>
    checkConsistency(document, catalog).inconsistencies;

  const stored = await store.read();
  const storedDocument = canonicalDocument(stored.document);
  const initial = deps.metadata === undefined ? firstDocument(stored) : canonicalDocument(deps.metadata.raw);
  let state = build(initial, await readCatalogFor(database, initial), stored.resourceVersion);
  if (deps.metadata !== undefined && !deps.allowInconsistentMetadata) refuse(state.inconsistencies);
  if (JSON.stringify(initial) !== JSON.stringify(storedDocument)) {
    const resourceVersion = await store.write({
      document: initial,
      expected: stored.resourceVersion,
      outbox: hasEventTriggers(initial),
    });
    state = { ...state, resourceVersion };
  }
  for (const { reason } of state.inconsistencies) deps.logger.warn({ reason }, "inconsistent metadata");
  await deps.install(state);

  /** Another server on the same database may have changed the metadata since. */
  const catchUp = async (): Promise<void> => {
    if ((await store.readVersion()) === state.resourceVersion) return;
    const newest = await store.read();
    const document = canonicalDocument(newest.document);
    state = build(document, await readCatalogFor(database, document), newest.resourceVersion);
    await deps.install(state);
  };

  const commit = async (session: ChangeSession): Promise<void> => {
    if (!session.changed && !session.stale) return;
    const built = build(session.document, await session.catalog(), state.resourceVersion);
    if (session.replaced && !session.allowInconsistent) refuseInconsistent(built.inconsistencies);
    else if (!session.allowInconsistent) {
      const known = [...state.inconsistencies, ...session.inconsistencies];
      refuseNew(known, built.inconsistencies, session.object);
    }
    session.inconsistencies = built.inconsistencies;
    if (!session.changed) {
      state = built;
      await deps.install(state);
      return;
    }
    const resourceVersion = await store.write({
      document: built.document,
      expected: state.resourceVersion,
      effects: session.effects,
      outbox: hasEventTriggers(built.document),
    });
    state = { ...built, resourceVersion };
    await deps.install(state);
  };

  let changing: Promise<unknown> = Promise.resolve();
  /** One change at a time; requests go on with the old state until the new one stands. */
  const change: LiveState["change"] = (work) => {
    const result = changing.then(async () => {
      await catchUp();
      const session = new ChangeSession({ database, readCatalog: readCatalogFor, check }, state);
      const answer = await work(session);
      await commit(session);
      return answer;
    });
    changing = result.catch(() => undefined);
    return result;
  };

  return {
    current: () => state,
    change,
    check,
    replaceMetadata: (metadata) =>
      change(async (session) => {
        const document = canonicalDocument(metadata.raw);
        session.refresh();
        if (JSON.stringify(document) !== JSON.stringify(session.document)) session.document = document;
        refuse(build(session.document, await session.catalog(), state.resourceVersion).inconsistencies);
      }),
    reload: () =>
      change(async (session) => {
        session.refresh();
        session.allowInconsistent = true;
        session.inconsistencies = check(session.document, await session.catalog());
      }),
  };
};
