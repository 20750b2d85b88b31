import { describe, expect, it } from "@jest/globals";
import { type Call, createHistory, linearize, type Model } from "../../support/linearizability.ts";

type Op =
  | { readonly kind: "add"; readonly amount: number; readonly allowed: boolean }
  | { readonly kind: "read"; readonly value: number };

/** A counter that stops at ten. */
const counter: Model<number, Op> = {
  initial: 0,
  step: (used, op) => {
    if (op.kind === "read") return op.value === used ? used : undefined;
    return used + op.amount <= 10 === op.allowed ? used + (op.allowed ? op.amount : 0) : undefined;
  },
  key: String,
};

const add = (begun: number, ended: number, amount: number, allowed = true): Call<Op> => ({
  begun,
  ended,
  op: { kind: "add", amount, allowed },
});
const read = (begun: number, ended: number, value: number): Call<Op> => ({
  begun,
  ended,
  op: { kind: "read", value },
});

describe("linearize", () => {
  it.each<[string, readonly Call<Op>[]]>([
    ["nothing", []],
    ["calls one after the other", [add(1, 2, 4), read(3, 4, 4), add(5, 6, 7, false), add(7, 8, 6)]],
    ["a read that overlaps an addition and saw it", [add(1, 4, 3), read(2, 3, 3)]],
    ["a read that overlaps an addition and missed it", [add(1, 4, 3), read(2, 3, 0)]],
    [
      "a refusal that only the other of two overlapping additions explains",
      [add(1, 4, 8), add(2, 3, 8, false)],
    ],
  ])("finds an order for %s", (_what, history) => {
    expect(linearize(history, counter)).toHaveLength(history.length);
  });

  it.each<[string, readonly Call<Op>[]]>([
    ["a read that missed what had ended", [add(1, 2, 3), read(3, 4, 0)]],
    ["a read that saw what had not begun", [read(1, 2, 3), add(3, 4, 3)]],
    [
      "two reads that saw two additions in different orders",
      [add(1, 10, 1), add(2, 11, 2), read(3, 4, 1), read(5, 6, 2)],
    ],
    ["one unit more than the limit", [add(1, 4, 6), add(2, 3, 5)]],
    ["a refusal where there was room", [add(1, 2, 3), add(3, 4, 7, false)]],
    ["a value that goes back", [add(1, 10, 3), read(2, 3, 3), read(4, 5, 0)]],
  ])("finds none for %s", (_what, history) => {
    expect(linearize(history, counter)).toBeUndefined();
  });

  it("searches a long history of several clients without trying every order", async () => {
    const history = createHistory<Op>();
    let used = 0;
    await Promise.all(
      Array.from({ length: 6 }, async (_, client) => {
        for (let n = 0; n < 50; n += 1) {
          await history.record(async () => {
            await Promise.resolve();
            if ((n + client) % 3 === 0) return { kind: "read", value: used };
            const allowed = used + 1 <= 10;
            if (allowed) used += 1;
            return { kind: "add", amount: 1, allowed };
          });
        }
      }),
    );
    expect(history.calls).toHaveLength(300);
    expect(linearize(history.calls, counter)).toHaveLength(300);
  });
});
