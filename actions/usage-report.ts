import { AppError, type Queryable } from "../src/core/index.ts";
import { type CurrentUsage } from "./generated/types.ts";

/**
 * Use of every metric in one period, as the action getCurrentUsage answers it. A period is named after the month,
 * in the time zone of the workspace, in which it begins; without a name it is the one that runs now.
 * Bigints are JSON numbers here: every figure of the gate stays below 2^53.
 */
export async function readUsage(
  db: Queryable,
  workspaceId: string,
  period: string | null,
): Promise<CurrentUsage> {
  const rows = await db.query<{ report: CurrentUsage | null }>(period === null ? present : named, [
    workspaceId,
    ...(period === null ? [] : [period]),
  ]);
  const report = rows[0]?.report;
  if (report === undefined || report === null) {
    throw new AppError({
      kind: "not-found",
      code: "invalid-input",
      message: "nothing is known of this period",
    });
  }
  return report;
}

/** The rows of the period that runs now; `peak` of a gauge is its highest level so far. */
const presentRows = `
  select now_used.workspace_id,
    now_used.period_start,
    period.period_end,
    now_used.metric,
    now_used.kind,
    now_used.unit,
    now_used.used,
    now_used.reserved,
    now_used.limit_value,
    now_used.remaining,
    now_used.percent,
    now_used.status,
    greatest(peaks.peak, now_used.used) as peak
  from usage.current as now_used
  cross join lateral usage.period(now_used.workspace_id) as period
  left join usage.peaks
    on peaks.workspace_id = now_used.workspace_id
    and peaks.metric = now_used.metric
    and peaks.period_start = now_used.period_start
  where now_used.workspace_id = $1::uuid`;

const pastRows = `
  select history.workspace_id,
    history.period_start,
    history.period_end,
    history.metric,
    history.kind,
    history.unit,
    coalesce(history.used, history.peak) as used,
    0::bigint as reserved,
    history.limit_value,
    greatest(history.limit_value - coalesce(history.used, history.peak), 0) as remaining,
    share.percent,
    usage.status_of(share.percent) as status,
    history.peak
  from usage.history
  cross join lateral (
    select case
        when history.limit_value > 0
          then round(coalesce(history.used, history.peak) * 100::numeric / history.limit_value, 2)
      end as percent
  ) as share
  where history.workspace_id = $1::uuid`;

const report = (rows: string, condition: string): string => `
  with reported as (${rows})
  select json_build_object(
      'workspaceId', workspaces.id,
      'period', to_char(reported.period_start at time zone workspaces.time_zone, 'YYYY-MM'),
      'periodStart', reported.period_start,
      'resetsAt', reported.period_end,
      'planId', billing.plan_of(workspaces.id, least(now(), reported.period_end - interval '1 microsecond')),
      'metrics', json_agg(
        json_build_object(
          'metric', reported.metric,
          'kind', reported.kind,
          'unit', reported.unit,
          'used', reported.used,
          'reserved', reported.reserved,
          'limit', reported.limit_value,
          'remaining', reported.remaining,
          'percent', reported.percent,
          'status', reported.status,
          'peak', reported.peak
        )
        order by reported.metric
      )
    ) as report
  from reported
  join public.workspaces
    on workspaces.id = reported.workspace_id
  where ${condition}
  group by workspaces.id, workspaces.time_zone, reported.period_start, reported.period_end
  order by reported.period_start desc
  limit 1`;

const present = report(presentRows, "true");
const named = report(
  `${presentRows}
  union all ${pastRows}`,
  "to_char(reported.period_start at time zone workspaces.time_zone, 'YYYY-MM') = $2",
);
