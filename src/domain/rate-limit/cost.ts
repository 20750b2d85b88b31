/** What is known of an operation without running it. */
export interface OperationSize {
  readonly rootFields: number;
  /** Levels of selection, 1 for scalars at the top. */
  readonly depth: number;
  /** Fields with every fragment written out. */
  readonly nodes: number;
}

/** Levels that one unit pays for, at each root field. */
const levelsAUnit = 5;
/** Fields that one unit pays for, wherever they stand. */
const nodesAUnit = 100;

const costOfOne = ({ rootFields, depth, nodes }: OperationSize): number =>
  Math.max(1, rootFields * Math.ceil(depth / levelsAUnit), Math.ceil(nodes / nodesAUnit));

/**
 * Units that a request weighs: one for each root field, times one for each five levels of depth, and at least one for each
 * hundred fields; the operations of a batch add up. What cannot be read weighs one: it will be refused elsewhere.
 */
export const costOf = (operations: readonly OperationSize[]): number => {
  let cost = 0;
  for (const operation of operations) cost += costOfOne(operation);
  return Math.max(1, cost);
};
