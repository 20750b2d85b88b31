alter function billing.anchored_period(timestamptz, text, timestamptz) rows 1000;
alter function usage.period(uuid, timestamptz) rows 1000;
alter function billing.limit_of(uuid, text, timestamptz) rows 1000;
