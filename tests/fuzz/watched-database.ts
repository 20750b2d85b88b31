import type { Database, Transaction } from "../../src/core/index.ts";

export interface Watch {
  readonly onStatement: (text: string) => void;
  readonly onFailure: (error: unknown) => void;
  /** After a statement outside of a transaction was answered. */
  readonly onSettled: () => void;
}

class Undone extends Error {}

/** What became of it, as a value. */
export const settle = async <T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> => {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
};

/** Runs work in a transaction that is taken back, whatever came of it. */
const undoneBy =
  (database: Database, watch: Watch): Database["transaction"] =>
  async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    await database
      .transaction(async (tx) => {
        outcome = await settle(async () => {
          const value = await work({
            ...tx,
            query: (text, values, options) => {
              watch.onStatement(text);
              return tx.query(text, values, options);
            },
          });
          await tx.query("set constraints all immediate");
          return value;
        });
        throw new Undone("nothing is kept");
      })
      .catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error;
      });
    if (outcome === undefined) throw new Error("the transaction did not run");
    if ("error" in outcome) {
      watch.onFailure(outcome.error);
      throw outcome.error;
    }
    return outcome.value;
  };

/** Every statement is looked at, and no transaction stays, so that each operation meets the same rows. */
export const watchedDatabase = (database: Database, watch: Watch): Database => {
  const undone = undoneBy(database, watch);
  return {
    close: () => database.close(),
    query: async (text, values, options) => {
      watch.onStatement(text);
      try {
        return await database.query<never>(text, values, options);
      } catch (error) {
        watch.onFailure(error);
        throw error;
      } finally {
        watch.onSettled();
      }
    },
    transaction: undone,
    // The statements of a batch run as they would together, one after the other, so that they can be undone as well.
    batch: (statements, accept) =>
      undone(async (tx) => {
        for (const [index, { text, values, name }] of statements.entries()) {
          accept(index, await tx.query(text, values, name === undefined ? {} : { name }));
        }
      }),
  };
};
