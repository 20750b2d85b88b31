/** A row as `pg` returns it: bigint and numeric arrive as text. */
export type Row = Readonly<Record<string, unknown>>;

export interface QueryOptions {
  /** Name of a prepared statement; the same name must always carry the same text. */
  readonly name?: string;
}

export interface Queryable {
  /** Runs one statement with positional parameters. */
  query<R = Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<readonly R[]>;
}

/** One session inside a transaction. */
export interface Transaction extends Queryable {
  /** Runs several statements without parameters, as a migration file holds them. */
  script(text: string): Promise<void>;
  /** The same, with the rows of the last statement as Postgres prints them; null when it returns none. */
  scriptRows(text: string): Promise<TextRows | null>;
}

/** Rows as text, as psql shows them; null is SQL's null. */
export interface TextRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** The database port: embedded or remote, nothing above knows which. */
export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it throws. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
