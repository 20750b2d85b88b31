import type { Queryable } from "../../src/core/index.ts";
import { waitFor } from "./wait-for.ts";

/**
 * Lets the present period of a workspace end in `ms` milliseconds, as a bridge to a new anchor would, and monthly
 * periods follow. What was used stays in the period that ends. Answers the boundary.
 */
export const endPeriodIn = async (db: Queryable, workspaceId: string, ms: number): Promise<string> => {
  const [row] = await db.query<{ boundary: string }>(
    `with bounds as (
       select
         p.period_start,
         date_trunc('milliseconds', clock_timestamp() + make_interval(secs => $2::int / 1000.0)) as boundary
       from usage.period($1) p
     ),
     written as (
       insert into billing.period_anchors (workspace_id, valid_from, anchor_at, time_zone, bridge_until)
       select $1::uuid, '-infinity', null::timestamptz, 'UTC', null
       union all
       select $1::uuid, b.period_start, b.boundary, 'UTC', b.boundary from bounds b
     )
     select to_char(b.boundary at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as boundary from bounds b`,
    [workspaceId, ms],
  );
  if (row === undefined) throw new Error("the workspace has no period");
  return row.boundary;
};

/** Until the database's clock has reached the boundary. */
export const passBoundary = async (db: Queryable, boundary: string): Promise<void> => {
  await waitFor("the period to end", async () => {
    const [row] = await db.query<{ passed: boolean }>(
      "select clock_timestamp() >= $1::timestamptz as passed",
      [boundary],
    );
    return row?.passed;
  });
};
