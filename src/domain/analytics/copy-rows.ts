import { type EventRecord } from "./types.ts";

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

export const copyDetails = {
  feature_usage: `copy analytics.feature_usage (${common}, feature_name, feature_category, usage_count, platform) from stdin`,
  performance: `copy analytics.performance (${common}, endpoint, method, status_code, response_time_ms, db_query_time_ms, external_api_time_ms) from stdin`,
  search_logs: `copy analytics.search_logs (${common}, query, query_normalized, result_count, clicked_result_id, clicked_result_position, search_duration_ms) from stdin`,
} as const;

export const detailRows = (
  records: readonly EventRecord[],
  table: keyof typeof copyDetails,
  receivedAt: string,
): string => {
  let rows = "";
  for (const record of records) {
    if (record.detail?.table !== table) continue;
    const values = record.detail.values.map(cell).join("\t");
    rows += `${record.key}\t${record.workspaceId}\t${record.occurredAt ?? receivedAt}\t${cell(record.userId)}\t${values}\n`;
  }
  return rows;
};
