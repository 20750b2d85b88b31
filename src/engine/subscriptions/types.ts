import type { HasuraError } from "../errors.ts";
import type { LivePlan } from "../execute/index.ts";

export interface LiveQueryListener {
  /** False while results already sent wait to be read; the next one is kept back until they are. */
  readonly ready: () => boolean;
  /** A result that differs from the one before, or the next batch of a stream. */
  readonly next: (result: string) => void;
  /** The query can no longer be answered; nothing follows. */
  readonly failed: (error: HasuraError) => void;
}

/** What a subscription asks for: a statement that others may share, or something that only it can run. */
export type LiveSource =
  | LivePlan
  | {
      readonly kind: "run";
      /** Everything the result depends on, the session included; equal keys share a poll. */
      readonly key: string;
      readonly run: () => Promise<string>;
    };

export interface Subscription {
  /** Planned against the present state; throws what is wrong with the request. */
  readonly plan: () => LiveSource;
  readonly listener: LiveQueryListener;
  /** Digest of the result sent last. */
  digest: string | undefined;
  /** Where a stream stands; survives a change of metadata. */
  cursor: string | undefined;
  leave: () => void;
}

/** Subscriptions that ask for exactly the same. */
export interface Member {
  readonly key: string;
  readonly source: LiveSource;
  readonly values: (string | null)[];
  readonly subscriptions: Set<Subscription>;
}
