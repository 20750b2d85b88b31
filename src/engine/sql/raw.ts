/** A number as the document spells it, so that digits beyond a double survive. */
export class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value of a document or of the variables, before any type is applied. */
export type Raw =
  null | boolean | number | string | NumberLiteral | readonly Raw[] | { readonly [key: string]: Raw };

export const isRawObject = (value: Raw): value is { readonly [key: string]: Raw } =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof NumberLiteral);

export const isRawList = (value: Raw): value is readonly Raw[] => Array.isArray(value);

export const numberText = (value: number | NumberLiteral): string =>
  value instanceof NumberLiteral ? value.text : String(value);

/** JSON text with numbers as they were written. */
export const rawToJson = (value: Raw): string => {
  if (value instanceof NumberLiteral) return value.text;
  if (isRawList(value)) return `[${value.map(rawToJson).join(",")}]`;
  if (isRawObject(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}:${rawToJson(item)}`)
      .join(",")}}`;
  }
  return JSON.stringify(value);
};
