import type { Entry } from "../metadata-api/document.ts";

/** One entry of `get_inconsistent_metadata`, in Hasura's shape. */
export interface Inconsistency {
  readonly type: string;
  readonly name?: string;
  readonly reason: string;
  readonly definition?: unknown;
  /** Permissions that an inherited role could not inherit. */
  readonly entity?: unknown;
  /** Endpoints whose paths cannot be told apart. */
  readonly conflicts?: readonly unknown[];
}

/**
 * The role then has no such permission, which is safe; Hasura lists it and carries on, as no object of the metadata is
 * at fault alone.
 */
export const inheritanceConflict = "inherited role permission inconsistency";

/** Collects what is wrong; whoever reports takes the object out of the document itself. */
export class Findings {
  readonly #found: Inconsistency[] = [];

  get found(): readonly Inconsistency[] {
    return this.#found;
  }

  /** `name` begins with the type, as Hasura's names do. */
  object(type: string, name: string, reason: string, definition: unknown): void {
    this.#found.push({ definition, name, reason: `Inconsistent object: ${reason}`, type });
  }

  add(inconsistency: Inconsistency): void {
    this.#found.push(inconsistency);
  }
}

/** Keeps the entries of a list in which nothing was found. */
export const keepIf = (owner: Entry, key: string, sound: (entry: Entry) => boolean): void => {
  const list = owner[key];
  if (!Array.isArray(list)) return;
  const kept = (list as Entry[]).filter(sound);
  if (kept.length === list.length) return;
  if (kept.length === 0 && key !== "tables") Reflect.deleteProperty(owner, key);
  else owner[key] = kept;
};
