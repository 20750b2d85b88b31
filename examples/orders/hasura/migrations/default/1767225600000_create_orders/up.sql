create table public.shops (
  id uuid primary key default gen_random_uuid(),
  name text not null
);

create table public.orders (
  id uuid primary key default gen_random_uuid(),
  shop_id uuid not null references public.shops (id),
  customer text not null,
  status text not null default 'open',
  created_at timestamptz not null default now(),
  paid_at timestamptz,
  constraint orders_status_check check (status in ('open', 'paid', 'cancelled')),
  constraint orders_paid_at_check check ((status = 'paid') = (paid_at is not null))
);

create index orders_shop_id_idx on public.orders (shop_id);

create table public.order_items (
  id uuid primary key default gen_random_uuid(),
  order_id uuid not null references public.orders (id) on delete cascade,
  article text not null,
  quantity integer not null default 1,
  price_cents integer not null,
  constraint order_items_quantity_check check (quantity > 0),
  constraint order_items_price_cents_check check (price_cents >= 0)
);

create index order_items_order_id_idx on public.order_items (order_id);

create table public.receipts (
  event_id uuid primary key,
  order_id uuid not null references public.orders (id) on delete cascade,
  total_cents integer not null,
  sent_at timestamptz not null default now(),
  constraint receipts_order_id_key unique (order_id)
);
