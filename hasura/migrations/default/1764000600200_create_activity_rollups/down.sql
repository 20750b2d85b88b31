drop function analytics.roll_activity(timestamptz, integer);
drop view analytics.activity;
drop table analytics.rollup_state;
drop table analytics.channel_activity;
drop table analytics.user_activity;
