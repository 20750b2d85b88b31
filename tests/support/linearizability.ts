/**
 * Whether a history of concurrent calls could have come from one thing that answers call after call: Wing and Gong's search
 * ("Testing and verifying concurrent objects", 1993) with Lowe's memory of configurations ("Testing for linearizability",
 * 2016). Knows nothing of counters; the model says what a call may answer.
 */
export interface Call<Op> {
  readonly op: Op;
  /** Places in one order of all beginnings and ends, as one observer saw them. */
  readonly begun: number;
  readonly ended: number;
}

export interface Model<State, Op> {
  readonly initial: State;
  /** The state after the call, or undefined where it could not have answered what it did. */
  readonly step: (state: State, op: Op) => State | undefined;
  readonly key: (state: State) => string;
}

/** One order for beginnings and ends. */
export const createHistory = <Op>() => {
  const calls: Call<Op>[] = [];
  let clock = 0;
  return {
    calls: calls as readonly Call<Op>[],
    /** Runs `work` and records what it says; undefined leaves the call out, as one without effect and without answer. */
    async record(work: () => Promise<Op | undefined>): Promise<void> {
      const begun = (clock += 1);
      const op = await work();
      const ended = (clock += 1);
      if (op !== undefined) calls.push({ op, begun, ended });
    },
  };
};

/** An order that explains the history, or undefined when there is none. */
export const linearize = <State, Op>(
  history: readonly Call<Op>[],
  model: Model<State, Op>,
): readonly Op[] | undefined => {
  const calls = [...history].sort((one, other) => one.begun - other.begun);
  const done = calls.map(() => false);
  const seen = new Set<string>();
  const order: Op[] = [];

  // Everything before `first` is done: the configuration is the rest of the window, not the whole past.
  const configuration = (first: number, state: State): string => {
    let last = calls.length - 1;
    while (last >= first && done[last] !== true) last -= 1;
    const window = done.slice(first, last + 1).map((isDone) => (isDone ? "1" : "0"));
    return `${String(first)}:${window.join("")}:${model.key(state)}`;
  };

  const search = (from: number, state: State): boolean => {
    let first = from;
    while (done[first] === true) first += 1;
    if (first === calls.length) return true;
    const name = configuration(first, state);
    if (seen.has(name)) return false;
    seen.add(name);
    // Only a call that began before any other of the rest had ended may be next.
    let firstEnd = Number.POSITIVE_INFINITY;
    for (let at = first; at < calls.length; at += 1) {
      const call = calls[at];
      if (call === undefined || call.begun > firstEnd) break;
      if (done[at] !== true) firstEnd = Math.min(firstEnd, call.ended);
    }
    for (let at = first; at < calls.length; at += 1) {
      const call = calls[at];
      if (call === undefined || call.begun > firstEnd) break;
      if (done[at] === true) continue;
      const next = model.step(state, call.op);
      if (next === undefined) continue;
      done[at] = true;
      order.push(call.op);
      if (search(first, next)) return true;
      order.pop();
      done[at] = false;
    }
    return false;
  };
  return search(0, model.initial) ? order : undefined;
};
