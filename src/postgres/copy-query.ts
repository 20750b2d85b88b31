import type pg from "pg";

/** What pg's connection has beside its declared members. */
interface Connection extends pg.Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * A `copy … from stdin` whose rows are all there when it starts. Postgres inserts them many at a time, which an insert
 * of the same rows by `unnest` does not: half the CPU for rows of a few hundred bytes.
 */
export class CopyQuery implements pg.Submittable {
  readonly #text: string;
  readonly #rows: string;
  /** pg puts its own around it where a query has a time limit. */
  callback: (error: Error | null) => void = () => undefined;

  constructor(text: string, rows: string) {
    this.#text = text;
    this.#rows = rows;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(plain: pg.Connection): void {
    const connection = plain as Connection;
    connection.stream.cork();
    connection.sendCopyFromChunk(Buffer.from(this.#rows));
    connection.endCopyFrom();
    connection.stream.uncork();
  }

  handleRowDescription(): void {
    // A copy from the client has no rows to show.
  }

  handleDataRow(): void {
    // As above.
  }

  handleCommandComplete(): void {
    // What counts is that the session is ready again.
  }

  handleEmptyQuery(): void {
    // A copy has a text.
  }

  handlePortalSuspended(): void {
    // Simple queries have no portal.
  }

  handleCopyData(): void {
    // Nothing is copied to the client.
  }

  handleError(error: Error): void {
    // pg says nothing more to a query that failed, and sends the next one when the session is ready.
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }
}
