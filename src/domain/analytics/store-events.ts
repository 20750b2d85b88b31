import { type Database, type Transaction } from "../../core/index.ts";
import { timestamptzArray, uuidArray } from "./binary-arrays.ts";
import { copyDetails, copyEvents, detailRows, eventRows } from "./copy-rows.ts";
import { detailCategories, type DetailCategory, type EventRecord } from "./types.ts";

export type StoreOutcome =
  "accepted" | "duplicate" | "workspace-forbidden" | "time-out-of-range" | "unstorable";

interface Claim {
  readonly received_at: string;
  readonly refused: readonly (readonly [number, StoreOutcome])[];
  /** Quoted names with their schema. Details of a category without a table stay in the event alone. */
  readonly detail_tables: Readonly<Partial<Record<DetailCategory, string>>>;
}

/** Claims the keys, so that no other transaction stores the same events, and copies what is new behind it. */
const storeIn = async (tx: Transaction, records: readonly EventRecord[]): Promise<StoreOutcome[]> => {
  const [claim] = await tx.query<Claim>(
    "select received_at, refused, detail_tables from analytics.claim_events($1::uuid[], $2::uuid[], $3::timestamptz[])",
    [
      uuidArray(records.map(({ workspaceId }) => workspaceId)),
      uuidArray(records.map(({ key }) => key)),
      timestamptzArray(records.map(({ occurredAt }) => occurredAt)),
    ],
    { name: "analytics_claim_events" },
  );
  if (claim === undefined) throw new Error("claim_events gave no row");
  const outcomes: StoreOutcome[] = records.map(() => "accepted");
  for (const [position, outcome] of claim.refused) outcomes[position] = outcome;
  const fresh =
    claim.refused.length === 0 ? records : records.filter((_, position) => outcomes[position] === "accepted");
  if (fresh.length === 0) return outcomes;
  await tx.copy(copyEvents, eventRows(fresh, claim.received_at));
  for (const category of detailCategories) {
    const table = claim.detail_tables[category];
    if (table === undefined) continue;
    const rows = detailRows(fresh, category, claim.received_at);
    if (rows !== "") await tx.copy(copyDetails(category, table), rows);
  }
  return outcomes;
};

/** Data exception, or beyond a limit of the server: one of the events is at fault, which the checks did not see. */
const isFaultOfData = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  typeof error.code === "string" &&
  /^(?:22|54)/u.test(error.code);

const storeApart = async (database: Database, records: readonly EventRecord[]): Promise<StoreOutcome[]> => {
  try {
    return await database.transaction((tx) => storeIn(tx, records));
  } catch (error) {
    if (!isFaultOfData(error)) throw error;
    if (records.length === 1) return ["unstorable"];
    const middle = Math.ceil(records.length / 2);
    return [
      ...(await storeApart(database, records.slice(0, middle))),
      ...(await storeApart(database, records.slice(middle))),
    ];
  }
};

/**
 * Stores events in one durable transaction and says what became of each, in their order. An event that comes twice in
 * them is stored once.
 */
export const storeEvents = async (
  database: Database,
  records: readonly EventRecord[],
): Promise<readonly StoreOutcome[]> => {
  // Keys that all differ are all of different events, whosever they are.
  if (new Set(records.map(({ key }) => key)).size === records.length) return storeApart(database, records);
  const firsts = new Map<string, number>();
  const unique: EventRecord[] = [];
  const places = records.map((record) => {
    const name = record.workspaceId + record.key;
    const first = firsts.get(name);
    if (first !== undefined) return { first, repeated: true };
    const place = unique.length;
    firsts.set(name, place);
    unique.push(record);
    return { first: place, repeated: false };
  });
  const outcomes = await storeApart(database, unique);
  return places.map(({ first, repeated }) => {
    const outcome = outcomes[first] ?? "unstorable";
    return repeated && outcome === "accepted" ? "duplicate" : outcome;
  });
};
