-- Who manages a workspace stands in tables of the application, and a project that adopts this has others. So letters
-- hold an address, and one function says whose. What waited is dropped: nothing was released with the table before.
drop table if exists usage.alert_emails;

create table usage.alert_emails (
  id uuid not null default gen_random_uuid(),
  alert_id uuid not null,
  address text not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  next_attempt_at timestamptz default now(),
  claimed_until timestamptz not null default '-infinity',
  error text,
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  constraint alert_emails_pkey primary key (id),
  constraint alert_emails_alert_id_fkey foreign key (alert_id) references usage.alerts (id) on delete cascade,
  constraint alert_emails_once unique (alert_id, address),
  constraint alert_emails_status_known check (status in ('pending', 'sent', 'failed')),
  constraint alert_emails_next_attempt_if_pending check ((status = 'pending') = (next_attempt_at is not null))
);

create index alert_emails_pending_idx on usage.alert_emails (next_attempt_at)
where status = 'pending';

comment on table usage.alert_emails is 'The letters that alerts call for: one for each alert and address, queue and record in one; never tracked';

create function usage.alert_recipients(p_workspace_id uuid) returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select null::text
  where false
$$;

comment on function usage.alert_recipients(uuid) is
  'The addresses that alerts of a workspace are mailed to. To be replaced by the application, which knows its people; as it comes nobody is mailed.';

revoke execute on function usage.alert_recipients(uuid) from public;
