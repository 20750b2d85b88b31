import { formatAmount } from "../../src/domain/usage/index.ts";

/** An alert as an e-mail needs it; bigints as text. */
export interface AlertOfEmail {
  readonly kind: "crossed" | "recovered";
  readonly workspaceName: string;
  readonly metricTitle: string;
  readonly unit: string;
  readonly thresholdPercent: number | null;
  readonly thresholdValue: string | null;
  readonly used: string;
  readonly limit: string | null;
  readonly at: Date;
}

export interface EmailMessage {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/gu, (sign) => entities[sign] ?? "");

/** Names are people's: a line break in one must not look like a line of ours. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();

export function composeEmail(alert: AlertOfEmail): EmailMessage {
  const workspace = oneLine(alert.workspaceName);
  const metric = oneLine(alert.metricTitle);
  const amount = (value: string): string => formatAmount(BigInt(value), alert.unit);
  const threshold =
    alert.thresholdPercent === null
      ? amount(alert.thresholdValue ?? "0")
      : `${String(alert.thresholdPercent)} percent of its limit`;
  const turn = alert.kind === "crossed" ? "has reached" : "is below";
  const subject = `${workspace}: ${metric} ${turn} ${threshold}${alert.kind === "recovered" ? " again" : ""}`;
  const rows: readonly (readonly [string, string])[] = [
    ["Workspace", workspace],
    ["Metric", metric],
    ["Used", amount(alert.used)],
    ["Limit", alert.limit === null ? "Unlimited" : amount(alert.limit)],
    ["Since", alert.at.toISOString()],
  ];
  const reason = "You get this because you own or manage this workspace.";
  return {
    subject,
    text: [subject, "", ...rows.map(([name, value]) => `${name}: ${value}`), "", reason, ""].join("\n"),
    html: [
      `<p>${escapeHtml(subject)}</p>`,
      "<table>",
      ...rows.map(([name, value]) => `<tr><th align="left">${name}</th><td>${escapeHtml(value)}</td></tr>`),
      "</table>",
      `<p>${reason}</p>`,
    ].join("\n"),
  };
}
