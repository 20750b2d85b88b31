import type { Catalog } from "../catalog/index.ts";
import type { Draft } from "./document.ts";

/** What a command that changes metadata may look at beside the document. */
export interface ChangeContext {
  readonly catalog: Catalog;
}

/** SQL that belongs to a change of metadata and is committed with it. */
export interface Effect {
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface ChangeResult {
  /** Hasura's name of the object the command is about: its inconsistency is the command's own error. */
  readonly object?: string;
  /** Instead of `{message: "success"}`. */
  readonly answer?: unknown;
  /** The objects that become inconsistent may stay so, as after dropping something with cascade. */
  readonly tolerant?: boolean;
  readonly effects?: readonly Effect[];
}

/** Changes a copy of the document; what comes of it is checked and built before anyone sees it. */
export type ChangeCommand = (draft: Draft, args: unknown, context: ChangeContext) => ChangeResult;

export type ChangeCommands = Readonly<Record<string, ChangeCommand>>;
