import { type DetailCategory, type EventRecord } from "./types.ts";

const special = /[\\\n\r\t]/gu;
const hasSpecial = /[\\\n\r\t]/u;
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

const cell = (value: string | null): string => {
  if (value === null) return "\\N";
  return hasSpecial.test(value) ? value.replace(special, (found) => escapes[found] ?? found) : value;
};

const columns = [
  "id",
  "workspace_id",
  "occurred_at",
  "received_at",
  "user_id",
  "channel_id",
  "source",
  "event_id",
  "name",
  "category",
  "subject",
  "session_id",
  "anonymous_id",
  "platform",
  "app_version",
  "properties",
  "attributes",
].join(", ");

export const copyEvents = `copy analytics.events (${columns}) from stdin`;

/** Rows in the text format of `copy`; appended by hand, as a list of cells for each row cost a third more. */
export const eventRows = (records: readonly EventRecord[], receivedAt: string): string => {
  let rows = "";
  for (const record of records) {
    rows += `${record.key}\t${record.workspaceId}\t${record.occurredAt ?? receivedAt}\t${receivedAt}\t${cell(record.userId)}\t${cell(record.channelId)}\t${cell(record.source)}\t${cell(record.eventId)}\t${cell(record.name)}\t${cell(record.category)}\t${cell(record.subject)}\t${cell(record.sessionId)}\t${cell(record.anonymousId)}\t${cell(record.platform)}\t${cell(record.appVersion)}\t${cell(record.properties)}\t${cell(record.attributes)}\n`;
  }
  return rows;
};

const common = "id, workspace_id, occurred_at, user_id";

/** Of each category, the columns that its table has beside the common ones; the order is that of the values of a detail. */
const detailColumns: Readonly<Record<DetailCategory, string>> = {
  feature_usage: "feature_name, feature_category, usage_count, platform",
  performance: "endpoint, method, status_code, response_time_ms, db_query_time_ms, external_api_time_ms",
  search:
    "query, query_normalized, result_count, clicked_result_id, clicked_result_position, search_duration_ms",
};

/** `table` is a quoted name with its schema. */
export const copyDetails = (category: DetailCategory, table: string): string =>
  `copy ${table} (${common}, ${detailColumns[category]}) from stdin`;

export const detailRows = (
  records: readonly EventRecord[],
  category: DetailCategory,
  receivedAt: string,
): string => {
  let rows = "";
  for (const record of records) {
    if (record.detail?.category !== category) continue;
    const values = record.detail.values.map(cell).join("\t");
    rows += `${record.key}\t${record.workspaceId}\t${record.occurredAt ?? receivedAt}\t${cell(record.userId)}\t${values}\n`;
  }
  return rows;
};
