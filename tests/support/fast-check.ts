import fc from "fast-check";

// One seed for every run: a counterexample that a busy day happens to draw would fail the landing of a change that has
// nothing to do with it. `FC_SEED` searches elsewhere.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20261124) });
