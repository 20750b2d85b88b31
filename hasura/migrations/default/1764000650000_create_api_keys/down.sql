drop table usage.api_keys;
drop function usage.announce_api_key();
