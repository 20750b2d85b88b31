import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type GraphQLAnswer, startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { setLimit } from "../../support/workspaces.ts";

type Headers = Readonly<Record<string, string>>;

interface Person {
  readonly id: string;
  readonly email: string;
  readonly headers: Headers;
}

let product: TestProduct;
let inviting: Tenant;
let home: Tenant;
let manager: Headers;

beforeAll(async () => {
  product = await startTestProduct();
  inviting = await createTenant(product.database, "inviting");
  home = await createTenant(product.database, "home");
  manager = await product.tokenFor(inviting, "workspace_admin");
});

afterAll(async () => {
  await product.stop();
});

/** Somebody with an account who is a member nowhere; the token names no workspace. */
async function createPerson(email = `${randomUUID()}@People.Example`): Promise<Person> {
  const id = randomUUID();
  await product.database.query("insert into users (id, email, display_name) values ($1, $2, 'Nova')", [
    id,
    email,
  ]);
  return { id, email, headers: await product.tokenFor({ userId: id }) };
}

const inviteDocument = `mutation ($email: String!, $role: String!) {
  insert_workspace_invitations_one(object: {email: $email, role: $role}) { id workspace_name invited_by }
}`;
const acceptDocument = `mutation ($id: uuid!) {
  accept_invitation(args: {invitation_id: $id}) { id role accepted_by workspace_id workspace_name }
}`;

async function invite(email: string, role = "member"): Promise<string> {
  const answer = await product.ask(manager, inviteDocument, { email, role });
  expect(answer.errors).toBeUndefined();
  return (answer.data?.["insert_workspace_invitations_one"] as { id: string }).id;
}

const accept = (headers: Headers, id: string): Promise<GraphQLAnswer> =>
  product.ask(headers, acceptDocument, { id });

const memberships = (userId: string): Promise<readonly { workspace_id: string; role: string }[]> =>
  product.database.query("select workspace_id, role from workspace_members where user_id = $1", [userId]);

const membersUsed = async (): Promise<number> => {
  const rows = await product.database.query<{ used: number }>(
    "select used::integer as used from usage.counter_totals where workspace_id = $1 and metric = 'members'",
    [inviting.workspaceId],
  );
  return rows[0]?.used ?? 0;
};

const refusal = {
  message: "there is no open invitation of this id for you",
  extensions: { path: "$", code: "constraint-violation" },
};

describe("joining a workspace", () => {
  it.each(["user", "workspace_admin", "service"])("is not in the hand of role %s", async (role) => {
    const person = await createPerson();
    const answer = await product.ask(
      await product.tokenFor(inviting, role),
      `mutation ($id: uuid!) { insert_workspace_members_one(object: {user_id: $id, role: "member"}) { user_id } }`,
      { id: person.id },
    );
    expect(answer.errors?.[0]?.extensions["code"]).toBe("validation-failed");
    expect(await memberships(person.id)).toEqual([]);
  });

  it("takes an invitation that the person accepts, and is metered", async () => {
    const person = await createPerson();
    const before = await membersUsed();
    const id = await invite(person.email.toLowerCase(), "guest");
    const seen = await product.ask(
      person.headers,
      "{ workspace_invitations { id role workspace_name accepted_at } users { id } workspaces { id } }",
    );
    // Without a workspace in the token only what is bound by the person can be asked.
    expect(seen.errors?.[0]?.message).toBe('missing session variable: "x-hasura-workspace-id"');
    const own = await product.ask(
      person.headers,
      "{ workspace_invitations { id role workspace_name accepted_at } }",
    );
    expect(own.data).toEqual({
      workspace_invitations: [{ id, role: "guest", workspace_name: "inviting", accepted_at: null }],
    });
    expect(await accept(person.headers, id)).toEqual({
      data: {
        accept_invitation: [
          {
            id,
            role: "guest",
            accepted_by: person.id,
            workspace_id: inviting.workspaceId,
            workspace_name: "inviting",
          },
        ],
      },
    });
    expect(await memberships(person.id)).toEqual([{ workspace_id: inviting.workspaceId, role: "guest" }]);
    expect(await membersUsed()).toBe(before + 1);
  });

  it("shows the e-mail of a person to the workspace only after that", async () => {
    const person = await createPerson();
    const ask = async (): Promise<string> =>
      JSON.stringify(
        await product.ask(manager, "{ users { email } workspace_invitations { recipient { id } } }"),
      );
    const id = await invite(person.email.toUpperCase());
    expect(await ask()).not.toContain(person.email);
    expect(await ask()).not.toContain(person.id);
    await accept(person.headers, id);
    expect(await ask()).toContain(person.email);
  });

  it("refuses an invitation of another person, a used one, an ended one and a made-up id alike", async () => {
    const person = await createPerson();
    const other = await createPerson();
    const used = await createPerson();
    const usedId = await invite(used.email);
    await accept(used.headers, usedId);
    const foreign = await invite(other.email);
    const ended = await invite(person.email);
    await product.database.query(
      "update workspace_invitations set expires_at = now() - interval '1 second' where id = $1",
      [ended],
    );
    for (const [headers, id] of [
      [person.headers, foreign],
      [used.headers, usedId],
      [person.headers, ended],
      [person.headers, randomUUID()],
      [manager, foreign],
    ] as const) {
      expect((await accept(headers, id)).errors).toEqual([refusal]);
    }
    expect(await memberships(person.id)).toEqual([]);
    expect(await memberships(other.id)).toEqual([]);
  });

  it("refuses a session that the client makes up", async () => {
    const victim = await createPerson();
    const id = await invite(victim.email);
    const thief = await createPerson();
    const headers = {
      ...thief.headers,
      "x-hasura-user-id": victim.id,
      "x-hasura-workspace-id": inviting.workspaceId,
    };
    expect((await accept(headers, id)).errors).toEqual([refusal]);
    const forged = await product.ask(
      thief.headers,
      `mutation ($id: uuid!, $session: json) {
        accept_invitation(args: {invitation_id: $id, hasura_session: $session}) { id }
      }`,
      { id, session: { "x-hasura-user-id": victim.id } },
    );
    expect(forged.errors?.[0]?.extensions["code"]).toBe("validation-failed");
    expect(await memberships(victim.id)).toEqual([]);
  });

  it("lets one of many acceptances of the same invitation through", async () => {
    const person = await createPerson();
    const before = await membersUsed();
    const id = await invite(person.email);
    const answers = await Promise.all(Array.from({ length: 8 }, () => accept(person.headers, id)));
    expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(1);
    expect(await membersUsed()).toBe(before + 1);
  });

  it("keeps the role of somebody who is a member already", async () => {
    const [owner] = await product.database.query<{ email: string }>("select email from users where id = $1", [
      inviting.userId,
    ]);
    const id = await invite(owner?.email ?? "", "guest");
    const answer = await accept(await product.tokenFor(inviting), id);
    expect(answer.errors).toBeUndefined();
    expect(await memberships(inviting.userId)).toEqual([
      { workspace_id: inviting.workspaceId, role: "owner" },
    ]);
  });

  it("is refused at the limit, and the invitation stays open", async () => {
    const person = await createPerson();
    const id = await invite(person.email);
    await setLimit(product.database, inviting.workspaceId, "members", await membersUsed());
    expect((await accept(person.headers, id)).errors?.[0]?.message).toMatch(/^limit of \d+ members reached/u);
    expect(await memberships(person.id)).toEqual([]);
    await setLimit(product.database, inviting.workspaceId, "members", 1_000);
    expect((await accept(person.headers, id)).errors).toBeUndefined();
  });
});

describe("an invitation", () => {
  it("never makes an owner, and is one at a time for an e-mail", async () => {
    const owner = await product.ask(manager, inviteDocument, { email: "boss@example.com", role: "owner" });
    expect(owner.errors?.[0]?.extensions["code"]).toBe("permission-error");
    await invite("twice@example.com");
    const second = await product.ask(manager, inviteDocument, { email: "Twice@Example.com", role: "admin" });
    expect(second.errors?.[0]?.extensions["code"]).toBe("constraint-violation");
  });

  it("tells the same whether the e-mail has an account or not", async () => {
    const person = await createPerson();
    const shape = async (email: string): Promise<unknown> => {
      const answer = await product.ask(
        manager,
        `mutation ($email: String!) {
          insert_workspace_invitations_one(object: {email: $email}) {
            accepted_at accepted_by invited_by role workspace_name recipient { id }
          }
        }`,
        { email },
      );
      return answer;
    };
    expect(await shape(person.email)).toEqual(await shape("nobody@people.example"));
  });

  it("is seen by its workspace and its person, and by no one else", async () => {
    const person = await createPerson();
    const id = await invite(person.email);
    const query = `query ($id: uuid!) { workspace_invitations(where: {id: {_eq: $id}}) { id } }`;
    const seenBy = async (headers: Headers): Promise<boolean> => {
      const answer = await product.ask(headers, query, { id });
      return JSON.stringify(answer.data).includes(id);
    };
    expect(await seenBy(manager)).toBe(true);
    expect(await seenBy(await product.tokenFor(inviting, "service"))).toBe(true);
    expect(await seenBy(person.headers)).toBe(true);
    expect(await seenBy(await product.tokenFor(inviting, "user"))).toBe(false);
    for (const role of ["user", "workspace_admin", "service"]) {
      expect(await seenBy(await product.tokenFor(home, role))).toBe(false);
    }
  });

  it("can be declined by its person and taken back by its workspace, by no one else", async () => {
    const person = await createPerson();
    const remove = async (headers: Headers, id: string): Promise<unknown> => {
      const answer = await product.ask(
        headers,
        `mutation ($id: uuid!) { delete_workspace_invitations(where: {id: {_eq: $id}}) { affected_rows } }`,
        { id },
      );
      return (answer.data?.["delete_workspace_invitations"] as { affected_rows: number } | undefined)
        ?.affected_rows;
    };
    const first = await invite(person.email);
    expect(await remove(await product.tokenFor(home, "workspace_admin"), first)).toBe(0);
    expect(await remove(await product.tokenFor(inviting, "user"), first)).toBe(0);
    expect(await remove(person.headers, first)).toBe(1);
    const second = await invite(person.email);
    expect(await remove(manager, second)).toBe(1);
    const third = await invite(person.email);
    await accept(person.headers, third);
    expect(await remove(manager, third)).toBe(0);
    expect(await remove(person.headers, third)).toBe(0);
  });
});

describe("operator and admin", () => {
  it("still put people into a workspace themselves", async () => {
    const person = await createPerson();
    const document = `mutation ($w: uuid!, $u: uuid!, $role: String!) {
      insert_workspace_members_one(object: {workspace_id: $w, user_id: $u, role: $role}) { role }
    }`;
    const operator = await product.tokenFor(home, "operator");
    const asOwner = await product.ask(operator, document, {
      w: inviting.workspaceId,
      u: person.id,
      role: "owner",
    });
    expect(asOwner.errors?.[0]?.extensions["code"]).toBe("permission-error");
    const asMember = await product.ask(operator, document, {
      w: inviting.workspaceId,
      u: person.id,
      role: "member",
    });
    expect(asMember.errors).toBeUndefined();
    const second = await createPerson();
    const byAdmin = await product.asAdmin(document, { w: inviting.workspaceId, u: second.id, role: "owner" });
    expect(byAdmin.errors).toBeUndefined();
  });
});
