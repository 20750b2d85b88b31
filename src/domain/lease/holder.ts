import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

/** A name for this process that no other has, and that a person can find. */
export const leaseHolder = (): string => `${hostname()}:${String(process.pid)}:${randomUUID()}`;
