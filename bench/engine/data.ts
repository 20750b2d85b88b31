import type { Database } from "../../src/core/index.ts";

export const benchSecrets = {
  adminSecret: "bench-admin-secret",
  jwtSecret: JSON.stringify({ type: "HS256", key: "bench-key-bench-key-bench-key-bench-key" }),
} as const;

export interface BenchWorkspace {
  readonly workspaceId: string;
  readonly userId: string;
  readonly channelId: string;
  readonly messageId: string;
}

const workspaces = 100;

/** A hundred workspaces without limits: 8 members, 5 channels and 400 messages each. */
export const fillBenchData = async (database: Database): Promise<readonly BenchWorkspace[]> => {
  await database.query(
    `insert into public.users (id, email, display_name)
     select md5('user' || w || '-' || u)::uuid, 'user' || w || '-' || u || '@bench.example', 'User ' || u
     from generate_series(1, $1) as w
     cross join generate_series(1, 8) as u`,
    [workspaces],
  );
  await database.query(
    `insert into public.workspaces (id, name, slug, owner_id)
     select md5('workspace' || w)::uuid, 'Workspace ' || w, 'bench-' || w, md5('user' || w || '-1')::uuid
     from generate_series(1, $1) as w`,
    [workspaces],
  );
  await database.query(
    `insert into billing.subscriptions (workspace_id, plan_id)
     select md5('workspace' || w)::uuid, 'enterprise'
     from generate_series(1, $1) as w`,
    [workspaces],
  );
  await database.query(
    `insert into public.workspace_members (workspace_id, user_id, role)
     select md5('workspace' || w)::uuid, md5('user' || w || '-' || u)::uuid, case u when 1 then 'owner' else 'member' end
     from generate_series(1, $1) as w
     cross join generate_series(1, 8) as u`,
    [workspaces],
  );
  await database.query(
    `insert into public.channels (id, workspace_id, name, created_by)
     select md5('channel' || w || '-' || c)::uuid, md5('workspace' || w)::uuid, 'channel ' || c, md5('user' || w || '-1')::uuid
     from generate_series(1, $1) as w
     cross join generate_series(1, 5) as c`,
    [workspaces],
  );
  await database.query(
    `insert into public.messages (id, workspace_id, channel_id, user_id, body, created_at)
     select md5('message' || w || '-' || m)::uuid,
       md5('workspace' || w)::uuid,
       md5('channel' || w || '-' || (m % 5 + 1))::uuid,
       md5('user' || w || '-' || (m % 8 + 1))::uuid,
       'Message number ' || m || ' of this workspace, as long as people write them.',
       now() - make_interval(secs => m)
     from generate_series(1, $1) as w
     cross join generate_series(1, 400) as m`,
    [workspaces],
  );
  await database.query("analyze");
  return database.query<BenchWorkspace>(
    `select md5('workspace' || w)::uuid::text as "workspaceId",
       md5('user' || w || '-2')::uuid::text as "userId",
       md5('channel' || w || '-2')::uuid::text as "channelId",
       md5('message' || w || '-21')::uuid::text as "messageId"
     from generate_series(1, $1) as w`,
    [workspaces],
  );
};
