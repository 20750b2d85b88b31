import { z } from "zod";
import { type EventDetail } from "./types.ts";

const text = (length: number) => z.string().min(1).max(length);
const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const milliseconds = z.number().min(0).max(1e12);

const featureUsage = z.object({
  feature_name: text(200).nullish(),
  feature_category: text(50).nullish(),
  usage_count: wholeNumber.min(1).nullish(),
});

const performance = z.object({
  endpoint: text(255),
  method: text(10).nullish(),
  status_code: z.number().int().min(100).max(999).nullish(),
  response_time_ms: milliseconds,
  db_query_time_ms: milliseconds.nullish(),
  external_api_time_ms: milliseconds.nullish(),
});

const search = z.object({
  query: z.string().max(1_000),
  result_count: wholeNumber.nullish(),
  clicked_result_id: text(255).nullish(),
  clicked_result_position: wholeNumber.max(2_147_483_647).nullish(),
  search_duration_ms: milliseconds.nullish(),
});

const numberText = (value: number | null | undefined): string | null =>
  value === null || value === undefined ? null : String(value);

/** Equal searches have equal values. */
const normalise = (query: string): string =>
  query.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim();

export interface DetailSource {
  readonly name: string;
  readonly category: string;
  readonly platform: string | null;
}

const has = (data: object, key: string): boolean => Object.hasOwn(data, key);

/**
 * Reads the details of an event of a category that has them; null for an event without. A field of the details must have
 * the right shape, whether or not the database has a table for them: else the event is invalid.
 */
export const readDetail = (
  event: DetailSource,
  data: unknown,
): { readonly detail: EventDetail | null } | { readonly error: z.ZodError } => {
  const fields = typeof data === "object" && data !== null && !Array.isArray(data) ? data : {};
  switch (event.category) {
    case "feature_usage": {
      const parsed = featureUsage.safeParse(fields);
      if (!parsed.success) return { error: parsed.error };
      const { feature_name: name, feature_category: category, usage_count: count } = parsed.data;
      const values = [name ?? event.name, category ?? null, numberText(count ?? 1), event.platform];
      return { detail: { category: "feature_usage", values } };
    }
    case "performance": {
      // Vitals of a page are measurements too, of no endpoint.
      if (!has(fields, "endpoint")) return { detail: null };
      const parsed = performance.safeParse(fields);
      if (!parsed.success) return { error: parsed.error };
      const { data: row } = parsed;
      const values = [
        row.endpoint,
        row.method ?? null,
        numberText(row.status_code),
        numberText(row.response_time_ms),
        numberText(row.db_query_time_ms),
        numberText(row.external_api_time_ms),
      ];
      return { detail: { category: "performance", values } };
    }
    case "search": {
      if (!has(fields, "query")) return { detail: null };
      const parsed = search.safeParse(fields);
      if (!parsed.success) return { error: parsed.error };
      const { data: row } = parsed;
      const values = [
        row.query,
        normalise(row.query),
        numberText(row.result_count),
        row.clicked_result_id ?? null,
        numberText(row.clicked_result_position),
        numberText(row.search_duration_ms),
      ];
      return { detail: { category: "search", values } };
    }
    default:
      return { detail: null };
  }
};
