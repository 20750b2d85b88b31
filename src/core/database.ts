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

/** A statement of a batch; its values are text or null, as Postgres itself takes them. */
export interface BatchStatement {
  readonly text: string;
  readonly values: readonly (string | null)[];
  /** As in `QueryOptions`. */
  readonly name?: string | undefined;
}

/** One session inside a transaction. */
export interface Transaction extends Queryable {
  /** Runs several statements without parameters, as a migration file holds them. */
  script(text: string): Promise<void>;
  /** The same, with the rows of the last statement as Postgres prints them; null when it returns none. */
  scriptRows(text: string): Promise<TextRows | null>;
  /** Runs a `copy … from stdin` over rows in Postgres's text format; the cheapest way for many rows. */
  copy(text: string, rows: string): Promise<void>;
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
  /**
   * Statements that do not need each other's answers, sent together as one transaction. `accept` sees the rows of each
   * before the commit, in their order, and takes everything back by throwing.
   */
  batch(
    statements: readonly BatchStatement[],
    accept: (index: number, rows: readonly Row[]) => void,
  ): Promise<void>;
  close(): Promise<void>;
}
