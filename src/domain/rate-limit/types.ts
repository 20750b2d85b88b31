/** One limit that a request must pass: so many units in any stretch of the window's length. */
export interface RateWindow {
  /** Unique within the store: what is counted, and for whom. */
  readonly key: string;
  readonly limit: number;
  /** Counted always, enforced only while more than one actor of the request's scope is asking. */
  readonly whenShared?: boolean;
  /** The window that stands in when the store has no room for one more; without it that is an outage. */
  readonly overflowKey?: string;
}

/** A request of `weight` units that must pass every window, or is counted in none. */
export interface RateRequest {
  /** Windows of one group live together: in a Redis cluster they must be in one slot. */
  readonly group: string;
  readonly windows: readonly RateWindow[];
  readonly weight: number;
  /** Who asks, and among whom; without it no window is shared. */
  readonly presence?: { readonly scope: string; readonly actor: string } | undefined;
}

/** A window after the decision. */
export interface WindowState {
  readonly used: number;
  readonly limit: number;
  readonly enforced: boolean;
  /** Until the oldest units leave the window and more becomes free; the window's length when it is empty. */
  readonly nextFreeMs: number;
  /** Until this window would let the same request pass; 0 where it did, infinite where its limit is below the weight. */
  readonly waitMs: number;
}

export interface RateAnswer {
  readonly allowed: boolean;
  /** In the order of the request's windows. */
  readonly windows: readonly WindowState[];
  /** The moment of the decision by the store's own clock, for `giveBack`. */
  readonly atMs: number;
  /** Which store decided; `local` stands in for one that cannot be reached. */
  readonly store: "memory" | "redis" | "local";
}

export interface RateStore {
  /** Decides and counts in one step, over all windows at once. A refusal counts nothing. Throws in an outage. */
  take(request: RateRequest): RateAnswer | Promise<RateAnswer>;
  /** Takes an allowed request out again that came to nothing for another reason. */
  giveBack(request: RateRequest, answer: RateAnswer): void | Promise<void>;
}
