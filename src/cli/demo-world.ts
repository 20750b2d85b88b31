import { GraphQLClient } from "graphql-request";
import { signToken } from "./sample.ts";
import { type Settings } from "./settings.ts";

export const demoPlans = ["free", "starter", "pro", "business", "enterprise"] as const;
export type DemoPlan = (typeof demoPlans)[number];

/** Somebody with an account and no workspace yet. */
export interface Recruit {
  readonly email: string;
  readonly client: GraphQLClient;
}

/** A workspace of the demonstration, its people, and clients that carry their signed tokens. */
export interface DemoWorkspace {
  readonly id: string;
  readonly plan: DemoPlan;
  readonly ownerId: string;
  readonly recruits: readonly Recruit[];
  readonly token: string;
  readonly user: GraphQLClient;
  readonly manager: GraphQLClient;
}

const createUsers = /* GraphQL */ `
  mutation ($users: [users_insert_input!]!) {
    insert_users(objects: $users) {
      returning {
        id
        email
      }
    }
  }
`;

const createWorkspace = /* GraphQL */ `
  mutation ($workspace: workspaces_insert_input!, $members: [workspace_members_insert_input!]!) {
    insert_workspaces_one(object: $workspace) {
      id
    }
    insert_workspace_members(objects: $members) {
      affected_rows
    }
  }
`;

export const subscribePlan = /* GraphQL */ `
  mutation ($workspaceId: uuid!, $planId: String!) {
    insert_billing_subscriptions_one(
      object: { workspace_id: $workspaceId, plan_id: $planId, status: "active" }
    ) {
      id
    }
  }
`;

/** The demonstration plays a month within seconds. */
const liftRate = /* GraphQL */ `
  mutation ($workspaceId: uuid!) {
    insert_billing_limit_overrides_one(
      object: {
        workspace_id: $workspaceId
        metric: "requests_per_minute"
        limit_value: null
        reason: "a month in seconds"
      }
    ) {
      id
    }
  }
`;

export interface WorldOptions {
  readonly endpoint: string;
  readonly settings: Settings;
  readonly runId: string;
  readonly uuid: () => string;
  readonly recruitsPerWorkspace: number;
}

export function adminClient(endpoint: string, settings: Settings): GraphQLClient {
  return new GraphQLClient(endpoint, { headers: { "x-hasura-admin-secret": settings.secrets.adminSecret } });
}

/** Makes one workspace with its owner and people who have not joined yet, and puts it on the plan. */
export async function createDemoWorkspace(plan: DemoPlan, options: WorldOptions): Promise<DemoWorkspace> {
  const { endpoint, settings, runId, uuid, recruitsPerWorkspace } = options;
  const admin = adminClient(endpoint, settings);
  const people = Array.from({ length: recruitsPerWorkspace + 1 }, (_, index) => ({
    email: `demo-${runId}-${plan}-${String(index)}@example.com`,
    display_name: index === 0 ? `Owner of ${plan}` : `Member ${String(index)} of ${plan}`,
  }));
  const created = await admin.request<{ insert_users: { returning: { id: string; email: string }[] } }>(
    createUsers,
    { users: people },
  );
  const [owner, ...others] = created.insert_users.returning;
  const ownerId = owner?.id ?? "";
  const id = uuid();
  await admin.request(createWorkspace, {
    workspace: { id, name: `Demo ${plan}`, slug: `demo-${runId}-${plan}`, owner_id: ownerId },
    members: [{ workspace_id: id, user_id: ownerId, role: "owner" }],
  });
  if (plan !== "free") await admin.request(subscribePlan, { workspaceId: id, planId: plan });
  await admin.request(liftRate, { workspaceId: id });

  const token = await signToken(
    settings.secrets.jwtSecret,
    { userId: ownerId, workspaceId: id },
    ["user", "workspace_admin"],
    "1h",
  );
  const as = (role: string) =>
    new GraphQLClient(endpoint, { headers: { authorization: `Bearer ${token}`, "x-hasura-role": role } });
  const recruits = await Promise.all(
    others.map(async (person): Promise<Recruit> => {
      const own = await signToken(settings.secrets.jwtSecret, { userId: person.id }, ["user"], "1h");
      return {
        email: person.email,
        client: new GraphQLClient(endpoint, { headers: { authorization: `Bearer ${own}` } }),
      };
    }),
  );
  return { id, plan, ownerId, recruits, token, user: as("user"), manager: as("workspace_admin") };
}
