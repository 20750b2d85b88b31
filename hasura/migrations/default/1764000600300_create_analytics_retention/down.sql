drop function analytics.erase_person();
drop function analytics.prune(text, timestamptz, integer);
drop function analytics.drop_months(timestamptz);
drop table analytics.erasures;

alter table analytics.retention
  drop constraint retention_table_name_known;

delete from analytics.retention
where table_name in ('user_activity', 'channel_activity');
