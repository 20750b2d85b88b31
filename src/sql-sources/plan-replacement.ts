import { AppError, type Transaction } from "../core/index.ts";
import type { CatalogObject, Description, ObjectKey } from "./catalog-object.ts";
import { compare, type Difference } from "./compare.ts";
import { dropOrder } from "./dependants.ts";
import { describeObjects, type DescribeSettings } from "./describe-objects.ts";
import { attributeStatements, dropStatement, renderObject } from "./render-object.ts";
import { attempt, trial } from "./trial.ts";

export interface ReplacementRequest {
  /** What the routines, views and triggers are to be: those of another database. */
  readonly target: Description;
  readonly describe: DescribeSettings;
  /** Objects that stay as they are, whatever the target says. */
  readonly isLeft: (object: CatalogObject) => boolean;
}

export interface Replacement {
  /** Empty when nothing differs. */
  readonly script: string;
  readonly differences: readonly Difference[];
}

interface Wanted {
  readonly key: ObjectKey;
  readonly object: CatalogObject;
  readonly statements: string;
}

interface Ordered {
  readonly kind: "ordered";
  readonly drops: readonly CatalogObject[];
  readonly creations: readonly Wanted[];
}

/** As of `applySources`: what `create or replace` cannot do to an object that is there. */
const refusals = new Set(["42P13", "42P16", "42809"]);

const codeOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
};

/** Objects were made in an order that works; where one was replaced since, a later round has what it needs. */
const byAge = (left: Wanted, right: Wanted): number => Number(left.object.oid) - Number(right.object.oid);

const unorderable = ({ object }: Wanted, cause: unknown): AppError =>
  new AppError({
    kind: "conflict",
    code: "cannot-replace",
    message: `${object.label} cannot be created: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });

/** Creates in rounds until all is there; returns the order, or what must be dropped first. */
const create = async (
  tx: Transaction,
  wanted: readonly Wanted[],
  isPresent: (key: ObjectKey) => boolean,
): Promise<readonly Wanted[] | ReadonlySet<ObjectKey>> => {
  const done: Wanted[] = [];
  let left = [...wanted].sort(byAge);
  while (left.length > 0) {
    const failed: Wanted[] = [];
    let reason: unknown;
    for (const one of left) {
      try {
        await attempt(tx, one.statements);
        done.push(one);
      } catch (error) {
        if (refusals.has(codeOf(error)) && isPresent(one.key)) return new Set([one.key]);
        reason = error;
        failed.push(one);
      }
    }
    const [first] = failed;
    if (first !== undefined && failed.length === left.length) throw unorderable(first, reason);
    left = failed;
  }
  return done;
};

const orderWith = async (
  tx: Transaction,
  before: Description,
  differences: readonly Difference[],
  request: ReplacementRequest,
  replaced: ReadonlySet<ObjectKey>,
): Promise<Ordered | ReadonlySet<ObjectKey>> => {
  const removed = differences.filter(({ change }) => change === "removed").map(({ key }) => key);
  const drops = await dropOrder(tx, before, new Set([...removed, ...replaced]));
  const dropped = new Set(drops);
  const changed = differences.filter(({ change }) => change !== "removed").map(({ key }) => key);
  const back = drops.filter((key) => !removed.includes(key));
  const wanted = [...new Set([...changed, ...back])].flatMap((key): readonly Wanted[] => {
    const present = before.get(key);
    const isLeft = present !== undefined && request.isLeft(present);
    const object = isLeft ? present : request.target.get(key);
    if (object === undefined) return [];
    const statements =
      present === undefined || dropped.has(key)
        ? renderObject(object)
        : [`${object.definition};`, ...attributeStatements(object, present, object)].join("\n");
    return [{ key, object, statements }];
  });
  const dropping = drops.flatMap((key) => before.get(key) ?? []);
  await tx.script(dropping.map(dropStatement).join("\n"));
  const creations = await create(tx, wanted, (key) => before.has(key) && !dropped.has(key));
  return creations instanceof Set
    ? (creations as ReadonlySet<ObjectKey>)
    : { kind: "ordered", drops: dropping, creations: creations as readonly Wanted[] };
};

const render = ({ drops, creations }: Ordered): string =>
  [
    drops.map(dropStatement).join("\n"),
    ...creations.map(({ object, statements }) => `-- ${object.label}\n${statements}`),
  ]
    .filter((part) => part !== "")
    .join("\n\n");

/**
 * The script that makes the routines, views and triggers of this database those of another one: drops with dependants first,
 * then each whole. Needs no sources and no parser. The transaction is left as it was. Throws `cannot-drop` and `cannot-replace`.
 */
export const planReplacement = async (tx: Transaction, request: ReplacementRequest): Promise<Replacement> => {
  const before = await describeObjects(tx, request.describe);
  const differences = compare(before, request.target).filter(
    ({ key, object }) => !request.isLeft(before.get(key) ?? object) && !object.isGenerated,
  );
  let replaced: ReadonlySet<ObjectKey> = new Set();
  for (;;) {
    const outcome = await trial(tx, () => orderWith(tx, before, differences, request, replaced));
    if ("kind" in outcome) return { script: render(outcome), differences };
    // An object that is dropped cannot be refused again, so every round adds one.
    replaced = new Set([...replaced, ...outcome]);
  }
};
