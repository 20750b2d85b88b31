/** What one request and one event may be. A body has its own limit at the edge. */
export const limits = {
  eventsPerBatch: 1_000,
  /** Of an event's data with its attributes, as JSON. CloudEvents asks intermediaries to pass on 64 KiB. */
  eventBytes: 65_536,
  /** Of objects and arrays in an event's data. */
  depth: 20,
} as const;
