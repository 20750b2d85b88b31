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
export const shapeOutput = (value: unknown, selection: readonly OutputSelection[] | null): unknown => {
  if (value === null || value === undefined) return null;
  if (selection === null) return value;
  if (Array.isArray(value)) return value.map((item) => shapeOutput(item, selection));
  if (typeof value !== "object") return value;
  const source = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    selection.map((field) => [
      field.key,
      field.typename ??
        shapeOutput(Object.hasOwn(source, field.name) ? source[field.name] : null, field.selection),
    ]),
  );
};
