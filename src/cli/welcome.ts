import { type Queryable } from "../core/index.ts";
import { canSign, readSampleUser, signToken } from "./sample.ts";
import { type Secrets } from "./settings.ts";

const query = "{ usage_current(order_by: {metric: asc}) { metric used limit_value percent status } }";

export interface WelcomeInput {
  /** Name and address of what was started, in the order to show. */
  readonly addresses: readonly (readonly [name: string, url: string])[];
  /** Where the query is sent, without a path. */
  readonly endpoint: string;
  readonly secrets: Secrets;
  readonly database: Queryable;
}

/** Addresses, secret, token and a query that can be pasted into a shell as it stands. */
export async function welcome({ addresses, endpoint, secrets, database }: WelcomeInput): Promise<string> {
  const rows: [string, string][] = [...addresses.map(([name, url]): [string, string] => [name, url])];
  rows.push(["admin secret", secrets.adminSecret]);
  const lines = [""];
  const sample = await readSampleUser(database);
  const token =
    sample === null || !canSign(secrets.jwtSecret)
      ? undefined
      : await signToken(secrets.jwtSecret, sample, ["user", "workspace_admin"]);
  if (sample !== null) rows.push(["sample user", `${sample.displayName} of ${sample.workspaceName}`]);
  if (token !== undefined) rows.push(["token", token]);
  lines.push(...rows.map(([name, value]) => `  ${name.padEnd(13)} ${value}`));
  if (token !== undefined) {
    lines.push(
      "",
      "Ask for the usage of that workspace:",
      "",
      `curl -s ${endpoint}/v1/graphql -H 'content-type: application/json' \\`,
      `  -H 'authorization: Bearer ${token}' \\`,
      `  -d '${JSON.stringify({ query })}'`,
    );
  } else if (sample !== null) {
    lines.push("", "Tokens are signed elsewhere: HASURA_GRAPHQL_JWT_SECRET holds no shared key.");
  }
  return [...lines, "", "Ctrl-C stops everything."].join("\n");
}
