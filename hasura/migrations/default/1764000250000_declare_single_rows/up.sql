-- Each returns one row. Without the word the planner expects a thousand a call, multiplies, and compiles for them.
alter function billing.anchored_period(timestamptz, text, timestamptz) rows 1;
alter function usage.period(uuid, timestamptz) rows 1;
alter function billing.limit_of(uuid, text, timestamptz) rows 1;
