import { isRawList, isRawObject, type Raw } from "../json/index.ts";

/** One field that the client asked of an action's output; fragments and directives are resolved already. */
export interface OutputSelection {
  readonly key: string;
  readonly name: string;
  /** Null for a leaf. */
  readonly selection: readonly OutputSelection[] | null;
  /** Set for `__typename`. */
  readonly typename?: string;
}

/** Keeps what the client selected, under its aliases and in its order; a missing nullable field is null. */
export const shapeOutput = (value: Raw, selection: readonly OutputSelection[] | null): Raw => {
  if (selection === null) return value;
  if (isRawList(value)) return value.map((item) => shapeOutput(item, selection));
  if (!isRawObject(value)) return value;
  return Object.fromEntries(
    selection.map((field) => [
      field.key,
      field.typename ??
        shapeOutput(Object.hasOwn(value, field.name) ? (value[field.name] ?? null) : null, field.selection),
    ]),
  );
};
