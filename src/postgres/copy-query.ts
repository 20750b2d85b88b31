import type pg from "pg";

/** `d` and a length, `c` and its own: the messages CopyData and CopyDone. */
const copyDataHead = (bytes: number): Buffer => {
  const head = Buffer.allocUnsafe(5);
  head.write("d", 0);
  head.writeInt32BE(bytes + 4, 1);
  return head;
};
const copyDone = Buffer.from([0x63, 0, 0, 0, 4]);

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

  handleCopyInResponse({ stream }: pg.Connection): void {
    // pg's own writer would copy the rows into its buffer first.
    stream.cork();
    stream.write(copyDataHead(Buffer.byteLength(this.#rows)));
    stream.write(this.#rows);
    stream.write(copyDone);
    stream.uncork();
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
