import { readItems } from "../requests/json-members.ts";
import { type LimitRefusal, readRefusal } from "./read-refusal.ts";

interface ErrorItem {
  readonly message: string;
  readonly extensions: Readonly<Record<string, unknown>>;
}

const marker = "constraint-violation";

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const asRefused = (
  value: unknown,
): { readonly error: ErrorItem; readonly refusal: LimitRefusal } | undefined => {
  if (!isRecord(value) || typeof value["message"] !== "string" || !isRecord(value["extensions"]))
    return undefined;
  if (value["extensions"]["code"] !== marker) return undefined;
  const refusal = readRefusal(value["message"]);
  return refusal === undefined ? undefined : { error: value as unknown as ErrorItem, refusal };
};

/** A whole number as JSON has it, where a double holds it; text otherwise. */
const numeral = (text: string): number | string => {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
};

const amounts = ["amount", "used", "reserved", "limit", "remaining"] as const;

const extensionsOf = ({ decision }: LimitRefusal): Readonly<Record<string, unknown>> => ({
  ...decision,
  ...Object.fromEntries(
    amounts.flatMap((name) => {
      const value = decision[name];
      return typeof value === "string" ? [[name, numeral(value)]] : [];
    }),
  ),
  allowed: false,
  code: decision.reason,
});

const detail = (value: unknown): unknown => {
  const refused = asRefused(value);
  if (refused === undefined) return value;
  const { error, refusal } = refused;
  return {
    ...error,
    message: refusal.message,
    extensions: { ...error.extensions, ...extensionsOf(refusal) },
  };
};

const ofErrors = (errors: unknown): readonly unknown[] | undefined =>
  Array.isArray(errors) && errors.some((item) => asRefused(item) !== undefined)
    ? errors.map(detail)
    : undefined;

/**
 * The payload of a frame, a list of errors or an object that holds one, with the decisions of refusals in the extensions;
 * undefined when it holds no refusal. Hasura passes a decision behind the message, under one code for every constraint.
 */
export const detailPayload = (payload: unknown): unknown => {
  if (!isRecord(payload)) return ofErrors(payload);
  const errors = ofErrors(payload["errors"]);
  return errors === undefined ? undefined : { ...payload, errors };
};

/** One answer, parsed only when it is an error of the kind. */
const inOne = (text: string): string | undefined => {
  if (!text.trimStart().startsWith('{"errors"') || !text.includes(marker)) return undefined;
  try {
    const payload = detailPayload(JSON.parse(text));
    return payload === undefined ? undefined : JSON.stringify(payload);
  } catch {
    return undefined;
  }
};

/** The same for the text of an answer, or of a batch of them. */
export const detailBody = (text: string): string | undefined => {
  if (!text.includes(marker)) return undefined;
  const items = readItems(text);
  if (items === undefined) return inOne(text);
  // The other answers of a batch pass as they are written: a number in them may not fit a double.
  const parts = items.map(({ from, to }) => {
    const part = text.slice(from, to);
    return { part, detailed: inOne(part) };
  });
  if (parts.every(({ detailed }) => detailed === undefined)) return undefined;
  return `[${parts.map(({ part, detailed }) => detailed ?? part).join(",")}]`;
};
