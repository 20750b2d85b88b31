import type { Logger } from "../../core/index.ts";
import type { Caller } from "../caller.ts";
import { readItems } from "../requests/json-members.ts";
import { type LimitRefusal, readRefusal } from "./read-refusal.ts";

/** The decision about an amount as it stands now; undefined when it cannot be had. */
export type ExplainRefusal = (
  workspaceId: string,
  metric: string,
  amount: string,
) => Promise<Readonly<Record<string, unknown>> | undefined>;

export interface ErrorDetails {
  /** The body of an answer with the refusals of the database told in full; undefined when it holds none. */
  inBody(text: string, caller: Caller): Promise<string> | undefined;
  /** The same for the payload of a frame: a list of errors, or an object that holds one. */
  inPayload(payload: unknown, caller: Caller): Promise<unknown> | undefined;
}

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
const numeral = (text: string | undefined): number | string | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
};

/** What the message alone tells. */
const told = ({ metric, amount, used, reserved, limit }: LimitRefusal): Record<string, unknown> => {
  if (metric === undefined) return {};
  const left = limit === undefined ? undefined : BigInt(limit) - BigInt(used ?? 0) - BigInt(reserved ?? 0);
  return {
    metric,
    amount: numeral(amount),
    ...(limit === undefined
      ? {}
      : {
          used: numeral(used),
          reserved: numeral(reserved ?? "0"),
          limit: numeral(limit),
          remaining: numeral(String(left !== undefined && left > 0n ? left : 0n)),
        }),
  };
};

/** Turns what the database refused, and Hasura passes as one code for every constraint, into what a client can act on. */
export const createErrorDetails = (explain: ExplainRefusal | undefined, logger: Logger): ErrorDetails => {
  const explained = async (
    refusal: LimitRefusal,
    caller: Caller,
  ): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const { metric, amount } = refusal;
    if (explain === undefined || metric === undefined || amount === undefined) return undefined;
    if (caller.workspaceId === undefined) return undefined;
    try {
      return await explain(caller.workspaceId, metric, amount);
    } catch (error) {
      // The refusal stands; it is told without what only the database knows.
      logger.warn({ err: error }, "a refusal could not be explained");
      return undefined;
    }
  };

  const detail = async (value: unknown, caller: Caller): Promise<unknown> => {
    const refused = asRefused(value);
    if (refused === undefined) return value;
    const { error, refusal } = refused;
    const decision = await explained(refusal, caller);
    return {
      ...error,
      extensions: {
        ...error.extensions,
        ...(decision === undefined ? {} : { resetsAt: decision["resetsAt"], upgrade: decision["upgrade"] }),
        // By now somebody may have freed or used something: what is told is what was decided.
        ...told(refusal),
        ...(decision === undefined ? {} : { retryAfterSeconds: decision["retryAfterSeconds"] }),
        allowed: false,
        reason: refusal.code,
        code: refusal.code,
      },
    };
  };

  const holdsRefusal = (errors: unknown): errors is readonly unknown[] =>
    Array.isArray(errors) && errors.some((item) => asRefused(item) !== undefined);

  const ofErrors = (errors: unknown, caller: Caller): Promise<readonly unknown[]> | undefined =>
    holdsRefusal(errors) ? Promise.all(errors.map((item) => detail(item, caller))) : undefined;

  const inPayload: ErrorDetails["inPayload"] = (payload, caller) => {
    if (!isRecord(payload)) return ofErrors(payload, caller);
    const details = ofErrors(payload["errors"], caller);
    return details?.then((errors) => ({ ...payload, errors }));
  };

  /** One answer, parsed only when it is an error of the kind. */
  const inOne = (text: string, caller: Caller): Promise<string> | undefined => {
    if (!text.trimStart().startsWith('{"errors"') || !text.includes(marker)) return undefined;
    try {
      return inPayload(JSON.parse(text), caller)?.then((payload) => JSON.stringify(payload));
    } catch {
      return undefined;
    }
  };

  return {
    inPayload,
    inBody: (text, caller) => {
      if (!text.includes(marker)) return undefined;
      const items = readItems(text);
      if (items === undefined) return inOne(text, caller);
      // Answers beside it are passed as they are written: a number in them may not fit a double.
      const parts = items.map(({ from, to }) => {
        const part = text.slice(from, to);
        return inOne(part, caller) ?? part;
      });
      if (parts.every((part) => typeof part === "string")) return undefined;
      return Promise.all(parts).then((texts) => `[${texts.join(",")}]`);
    },
  };
};
