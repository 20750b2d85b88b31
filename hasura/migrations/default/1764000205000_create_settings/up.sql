create table usage.settings (
  key text not null,
  value text not null,
  constraint settings_pkey primary key (key),
  constraint settings_key_known check (key in ('tenant_claim', 'user_claim')),
  constraint settings_claim_format check (value ~ '^x-hasura-[a-z0-9_-]+$')
);

comment on table usage.settings is 'How the application names what the product reads from a session';
comment on column usage.settings.key is 'tenant_claim: session variable with the id of the workspace; user_claim: session variable with the id of the user';
comment on column usage.settings.value is 'Name of the session variable, lower case';

insert into usage.settings (key, value)
values
  ('tenant_claim', 'x-hasura-workspace-id'),
  ('user_claim', 'x-hasura-user-id');
