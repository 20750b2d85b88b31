import type { CatalogObject, Description, ObjectKey } from "./catalog-object.ts";

export interface Difference {
  readonly key: ObjectKey;
  /** What happened to the object on the way from the first description to the second. */
  readonly change: "added" | "changed" | "removed";
  /** As it is in the second description, or in the first when it was removed. */
  readonly object: CatalogObject;
}

const content = ({ definition, comment, columnComments, grants }: CatalogObject): string =>
  JSON.stringify([definition, comment, columnComments, grants]);

/** The objects that two descriptions do not have alike: by definition, comments or grants. */
export const compare = (from: Description, to: Description): readonly Difference[] => {
  const differences: Difference[] = [];
  for (const [key, object] of to) {
    const before = from.get(key);
    if (before === undefined) differences.push({ key, change: "added", object });
    else if (content(before) !== content(object)) differences.push({ key, change: "changed", object });
  }
  for (const [key, object] of from) {
    if (!to.has(key)) differences.push({ key, change: "removed", object });
  }
  return differences;
};
