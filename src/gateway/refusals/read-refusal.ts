/** A refusal of the database, as far as its message tells. Amounts are whole numbers that may not fit a double. */
export interface LimitRefusal {
  readonly code: string;
  readonly metric?: string;
  readonly amount?: string;
  readonly used?: string;
  readonly reserved?: string;
  readonly limit?: string;
}

const metric = "(?<metric>[a-z][a-z0-9_.-]*)";
const counts = "(?<used>\\d+) used(?:, (?<reserved>\\d+) reserved)?, (?<amount>\\d+) more asked";

const pattern = (text: string): RegExp => new RegExp(`^${text}`, "u");

/**
 * The messages of SQLSTATE 23U01, which a real Hasura passes on as they are and nothing else of the refusal.
 * `usage.gate_message` and `usage.raise_limit_reached` write them.
 */
const messages: readonly (readonly [pattern: RegExp, code: string])[] = [
  [pattern(`limit of (?<limit>-?\\d+) ${metric} reached: ${counts}$`), "usage-limit-exceeded"],
  [pattern(`${metric} is not included in the plan: limit of (?<limit>0), ${counts}$`), "feature-not-in-plan"],
  [
    pattern(`${metric} is not included without a live subscription: limit of (?<limit>0), ${counts}$`),
    "plan-required",
  ],
  [pattern(`${metric} is not included: no limit is known, (?<amount>\\d+) asked$`), "feature-not-in-plan"],
  [pattern(`${metric} counts the rows of a table: insert the rows instead$`), "row-metered"],
  [pattern("there is no metric .+$"), "unknown-metric"],
  [pattern("the workspace is not open to this request$"), "workspace-forbidden"],
  [pattern("there is no such open reservation in this workspace$"), "reservation-not-found"],
  [pattern("the reservation has expired and holds nothing any more$"), "reservation-expired"],
  [pattern("this idempotency key was used before with other content$"), "idempotency-conflict"],
  [
    pattern("the operation, amount, time to live, key or identifier is missing or out of range$"),
    "invalid-input",
  ],
];

/** What a message of `constraint-violation` says of a limit; undefined when it is another constraint's. */
export const readRefusal = (message: string): LimitRefusal | undefined => {
  for (const [wanted, code] of messages) {
    const match = wanted.exec(message);
    if (match !== null) return { ...match.groups, code };
  }
  return undefined;
};
