delete from analytics.detail_tables
where table_name = 'search_logs';
delete from analytics.retention
where table_name in ('search_logs', 'channel_activity');
drop table analytics.channel_activity;
drop table analytics.search_logs;
