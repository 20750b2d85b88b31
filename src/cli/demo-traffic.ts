/** Deterministic pseudo-random numbers (mulberry32), so that every run of the demonstration plays the same month. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Runs the tasks with at most `width` at a time. */
export async function runAll(
  tasks: readonly (() => Promise<void>)[],
  width: number,
  onDone: () => void,
): Promise<void> {
  const queue = tasks[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const task of queue) {
      await task();
      onDone();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
