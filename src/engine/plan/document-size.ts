import { type FragmentDefinitionNode, Kind, type SelectionSetNode } from "graphql";
import { validationFailed } from "../errors.ts";

/** Deeper than any client writes; Postgres itself gives up on statements of some hundred levels. */
const deepest = 60;
/** Fields with every fragment written out where it is used: about two seconds of planning. */
const mostFields = 50_000;

const tooLarge = (): Error =>
  validationFailed(
    `the query is too large: at most ${String(mostFields)} fields in ${String(deepest)} levels, fragments included`,
    "$.query",
  );

/**
 * Refuses documents whose planning would take out of proportion to their length: a few fragments that use each other twice
 * stand for millions of fields. Each fragment is counted once; cycles have been refused before.
 */
export const refuseOversized = (
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  selectionSet: SelectionSetNode,
): void => {
  const counted = new Map<string, { readonly fields: number; readonly depth: number }>();
  const measure = (set: SelectionSetNode, level: number): { fields: number; depth: number } => {
    if (level > deepest) throw tooLarge();
    let fields = 0;
    let depth = 0;
    for (const selection of set.selections) {
      let below = { fields: 0, depth: 0 };
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        const known = counted.get(name) ?? (fragment && measure(fragment.selectionSet, level));
        if (known === undefined) continue;
        counted.set(name, known);
        below = known;
      } else if (selection.selectionSet) {
        const inner = measure(selection.selectionSet, selection.kind === Kind.FIELD ? level + 1 : level);
        below = selection.kind === Kind.FIELD ? { ...inner, depth: inner.depth + 1 } : inner;
      }
      // A spread counts too: empty fragments can be multiplied as well.
      fields += 1 + below.fields;
      depth = Math.max(depth, below.depth);
      if (fields > mostFields || level + depth > deepest) throw tooLarge();
    }
    return { fields, depth };
  };
  measure(selectionSet, 0);
};
