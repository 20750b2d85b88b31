import type { PlannedField } from "../plan/index.ts";

/** The JSON of `data`. Fields of a namespace stand side by side, so each namespace is opened once. */
export const answerJson = (
  fields: readonly PlannedField[],
  answerOf: (field: PlannedField, index: number) => string,
): string => {
  let text = "";
  let open: string | undefined;
  fields.forEach((field, index) => {
    const { alias, namespace } = field;
    if (open !== undefined && open !== namespace) text += "}";
    const comma = index === 0 ? "" : ",";
    const opening = namespace !== undefined && open !== namespace;
    text += opening ? `${comma}${JSON.stringify(namespace)}:{` : comma;
    text += `${JSON.stringify(alias)}:${answerOf(field, index)}`;
    open = namespace;
  });
  return `{${text}${open === undefined ? "" : "}"}}`;
};
