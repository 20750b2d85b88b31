drop function usage.alert_recipients(uuid);
drop table usage.alert_emails;

-- A project without these people never had the table before.
do $do$
begin
  if to_regclass('public.users') is null then
    return;
  end if;

  create table usage.alert_emails (
    id uuid not null default gen_random_uuid(),
    alert_id uuid not null,
    user_id uuid not null,
    status text not null default 'pending',
    attempts integer not null default 0,
    next_attempt_at timestamptz default now(),
    claimed_until timestamptz not null default '-infinity',
    error text,
    sent_at timestamptz,
    created_at timestamptz not null default now(),
    constraint alert_emails_pkey primary key (id),
    constraint alert_emails_alert_id_fkey foreign key (alert_id) references usage.alerts (id) on delete cascade,
    constraint alert_emails_user_id_fkey foreign key (user_id) references public.users (id) on delete cascade,
    constraint alert_emails_once unique (alert_id, user_id),
    constraint alert_emails_status_known check (status in ('pending', 'sent', 'failed')),
    constraint alert_emails_next_attempt_if_pending check ((status = 'pending') = (next_attempt_at is not null))
  );

  create index alert_emails_pending_idx on usage.alert_emails (next_attempt_at)
  where status = 'pending';

  create index alert_emails_user_id_idx on usage.alert_emails (user_id);

  comment on table usage.alert_emails is 'The letters that alerts call for: one for each alert and person, queue and record in one; never tracked';
end
$do$;
