import type { Transaction } from "../core/index.ts";

/** Runs `work` and takes everything back that it did in the database. */
export const trial = async <T>(tx: Transaction, work: () => Promise<T>): Promise<T> => {
  await tx.script("savepoint trial");
  try {
    return await work();
  } finally {
    await tx.script("rollback to savepoint trial; release savepoint trial");
  }
};

/** Runs a script whose failure leaves the transaction as it was. */
export const attempt = async (tx: Transaction, script: string): Promise<void> => {
  await tx.script("savepoint attempt");
  try {
    await tx.script(script);
  } catch (error) {
    await tx.script("rollback to savepoint attempt");
    throw error;
  } finally {
    await tx.script("release savepoint attempt");
  }
};
