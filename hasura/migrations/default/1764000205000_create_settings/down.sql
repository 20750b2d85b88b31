drop table usage.settings;
