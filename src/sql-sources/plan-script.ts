import { AppError, type Transaction } from "../core/index.ts";
import { applySources } from "./apply-sources.ts";
import type { CatalogObject, Description, ObjectKey } from "./catalog-object.ts";
import { compare, type Difference } from "./compare.ts";
import { dropOrder } from "./dependants.ts";
import { describeObjects, type DescribeSettings } from "./describe-objects.ts";
import type { Source } from "./parse-source.ts";
import { attributeStatements, bareAttributes, dropStatement } from "./render-object.ts";
import { readKeys, sourcesByKey } from "./source-keys.ts";
import { trial } from "./trial.ts";

export interface ScriptRequest {
  /** All that the objects in question are to be, in the order of `orderSources`. */
  readonly sources: readonly Source[];
  /** Whether an object is to be what the sources say, which is absent when they do not define it; others are left alone. */
  readonly isManaged: (key: ObjectKey) => boolean;
  readonly describe: DescribeSettings;
  /** The comment in front of a source in the script. */
  readonly headline: (source: Source) => string;
  /** What generated routines are to be; without it what their rebuild makes of them. */
  readonly generatedAs?: Description;
}

/** Objects that are not managed stand in the way: they depend on some that must be dropped. */
export interface Blocked {
  readonly kind: "blocked";
  readonly by: ReadonlySet<ObjectKey>;
}

export type ScriptPlan =
  | {
      readonly kind: "planned";
      /** Empty when the database is what the sources say. */
      readonly script: string;
      readonly differences: readonly Difference[];
    }
  | Blocked;

interface Target {
  readonly kind: "target";
  readonly drops: readonly ObjectKey[];
  readonly target: Description;
}

interface Context extends ScriptRequest {
  readonly before: Description;
  readonly isOurs: (key: ObjectKey, object: CatalogObject) => boolean;
}

const clearAttributes = (objects: readonly CatalogObject[]): string =>
  objects.flatMap((object) => attributeStatements(object, object, bareAttributes(object))).join("\n");

/** Makes the managed objects what the sources say, from whatever they are: the comments and grants of the sources alone. */
const makeTarget = async (
  tx: Transaction,
  context: Context,
  replaced: ReadonlySet<ObjectKey>,
): Promise<Target | Blocked | ReadonlySet<ObjectKey>> => {
  const { before, sources, isOurs, describe } = context;
  const keyOf = await readKeys(tx, sources);
  const wanted = sourcesByKey(sources, keyOf);
  const ours = [...before].filter(([key, object]) => isOurs(key, object));
  const removed = ours.map(([key]) => key).filter((key) => !wanted.has(key));
  const drops = await dropOrder(tx, before, new Set([...removed, ...replaced]));
  const inTheWay = drops.filter((key) => {
    const object = before.get(key);
    return object !== undefined && !isOurs(key, object);
  });
  if (inTheWay.length > 0) return { kind: "blocked", by: new Set(inTheWay) };
  const dropped = new Set(drops);
  const kept = ours.filter(([key]) => !dropped.has(key));
  await tx.script(dropScript(before, drops));
  await tx.script(clearAttributes(kept.map(([, object]) => object)));
  const refused = await applySources(tx, sources, keyOf, new Set(kept.map(([key]) => key)));
  if (refused.size > 0) return refused;
  if (context.generatedAs === undefined) await tx.script(describe.generated?.rebuild ?? "");
  return { kind: "target", drops, target: await describeObjects(tx, describe) };
};

const dropScript = (before: Description, drops: readonly ObjectKey[]): string =>
  drops
    .flatMap((key) => before.get(key) ?? [])
    .map(dropStatement)
    .join("\n");

const findTarget = async (tx: Transaction, context: Context): Promise<Target | Blocked> => {
  let replaced: ReadonlySet<ObjectKey> = new Set();
  for (;;) {
    const outcome = await trial(tx, () => makeTarget(tx, context, replaced));
    if ("kind" in outcome) return outcome;
    // An object that was dropped is not refused again, so every round adds one.
    replaced = new Set([...replaced, ...outcome]);
  }
};

/** What the sources leave of the old comments and grants, and the rebuild of generated routines if they are affected. */
const leftovers = async (
  tx: Transaction,
  context: Context,
  script: string,
  target: Description,
): Promise<string> =>
  trial(tx, async () => {
    const { describe, isOurs, generatedAs = target } = context;
    await tx.script(script);
    const reached = await describeObjects(tx, describe);
    const attributes = [...target]
      .filter(([key, object]) => isOurs(key, object))
      .flatMap(([key, object]) => attributeStatements(object, reached.get(key) ?? object, object));
    const isStale = compare(reached, generatedAs).some(({ object }) => object.isGenerated);
    return joined([attributes.join("\n"), isStale ? (describe.generated?.rebuild ?? "") : ""]);
  });

const joined = (parts: readonly string[]): string => {
  const filled = parts.map((part) => part.trim()).filter((part) => part !== "");
  return filled.length === 0 ? "" : `${filled.join("\n\n")}\n`;
};

const contextOf = async (tx: Transaction, request: ScriptRequest): Promise<Context> => ({
  ...request,
  before: await describeObjects(tx, request.describe),
  isOurs: (key, { isGenerated }) => !isGenerated && request.isManaged(key),
});

/** What the database holds before, and what it would hold if it were what the sources say. */
export const compareWithSources = async (
  tx: Transaction,
  request: Pick<ScriptRequest, "sources" | "describe">,
): Promise<{ readonly before: Description; readonly target: Description }> => {
  const context = await contextOf(tx, { ...request, isManaged: () => true, headline: () => "" });
  const found = await findTarget(tx, context);
  if (found.kind === "target") return { before: context.before, target: found.target };
  const [key = ""] = found.by;
  throw new AppError({
    kind: "conflict",
    code: "cannot-drop",
    message: `a generated routine depends on what must be dropped: ${context.before.get(key)?.label ?? key}`,
  });
};

/**
 * The script that makes the managed objects what the sources say: drops with dependants first, then each source that differs
 * or whose objects had to be dropped, whole and in its order. The transaction is left as it was.
 */
export const planScript = async (tx: Transaction, request: ScriptRequest): Promise<ScriptPlan> => {
  const context = await contextOf(tx, request);
  const { before, isOurs } = context;
  const found = await findTarget(tx, context);
  if (found.kind === "blocked") return found;
  const { drops, target } = found;
  const differences = compare(before, target).filter(({ key, object }) => isOurs(key, object));
  const sources = sourcesByKey(request.sources, await readKeys(tx, request.sources));
  const changed = [...differences.map(({ key }) => key), ...drops];
  const chosen = new Set(changed.map((key) => sources.get(key)));
  const parts = [
    dropScript(before, drops),
    ...request.sources
      .filter((source) => chosen.has(source))
      .map((source) => `${request.headline(source)}\n${source.text.trim()}`),
  ];
  const rest = await leftovers(tx, context, joined(parts), target);
  return { kind: "planned", script: joined([...parts, rest]), differences };
};
