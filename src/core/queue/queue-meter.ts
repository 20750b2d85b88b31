/** Hears of queues in memory, in which requests wait to share a call. */
export interface QueueMeter {
  /** How many wait at present; asked for when somebody wants to know. */
  watch(what: string, waiting: () => number): void;
  /** A call began with so many requests, of which the first had waited for so long. */
  called(what: string, size: number, waitedMs: number): void;
}
