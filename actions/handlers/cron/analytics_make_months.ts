import { type CronHandler } from "../../handler.ts";

/** This month and three to come: a job that fails for weeks is no outage, and an event makes its month itself if it must. */
const ahead = 3;

export const analytics_make_months: CronHandler = async ({ scheduledTime }, { database }) => {
  const rows = await database.query<{ month: string }>(
    `select analytics.ensure_month($1::timestamptz + make_interval(months => ahead)) as month
     from generate_series(0, $2::integer) as ahead`,
    [scheduledTime, ahead],
  );
  return { months: rows.map(({ month }) => month) };
};
