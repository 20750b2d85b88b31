import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { SignJWT } from "jose";
import { createAuthenticator } from "../../src/auth/index.ts";
import { closeServer, listen, portOf } from "../../src/cli/listen.ts";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createGateway, createIdentity, type GatewayDeps } from "../../src/gateway/index.ts";

export const testAdminSecret = "admin-secret-of-tests";
const jwtKey = "0123456789abcdef0123456789abcdef";
export const testJwtSecret = JSON.stringify({ type: "HS256", key: jwtKey });

/** A request as the upstream got it. */
export interface UpstreamCall {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface TestUpstream {
  readonly url: string;
  readonly calls: readonly UpstreamCall[];
  readonly server: Server;
  stop(): Promise<void>;
}

/** A Hasura that notes what it is asked and answers as it is told, `{"data":{}}` otherwise. */
export async function startTestUpstream(respond?: RequestListener): Promise<TestUpstream> {
  const calls: UpstreamCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      calls.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      if (respond !== undefined && url !== "/healthz") {
        respond(request, response);
        return;
      }
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.end('{"data":{}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${String(portOf(server))}`,
    calls,
    server,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export interface TestGateway {
  readonly url: string;
  stop(): Promise<void>;
}

/** A gateway on a free port, with the test's secrets unless it brings an identity of its own. */
export async function startTestGateway(
  given: Pick<GatewayDeps, "upstream"> & Partial<GatewayDeps>,
): Promise<TestGateway> {
  const authenticator = await createAuthenticator(
    { adminSecret: testAdminSecret, jwtSecret: testJwtSecret, unauthorizedRole: "anonymous" },
    systemClock,
  );
  const gateway = createGateway({
    identity: createIdentity({ authenticator }),
    clock: systemClock,
    logger: silentLogger,
    ...given,
  });
  const server = await listen("gateway", gateway.handler, 0, "127.0.0.1", gateway.serverOptions);
  gateway.attach(server);
  return {
    url: `http://127.0.0.1:${String(portOf(server))}`,
    stop: async () => {
      await gateway.stop();
      await closeServer(server, 0);
    },
  };
}

/** A token of the test's key for a user of a workspace. */
export async function testToken(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return new SignJWT({
    "https://hasura.io/jwt/claims": {
      "x-hasura-default-role": "user",
      "x-hasura-allowed-roles": ["user", "workspace_admin"],
      "x-hasura-user-id": "00000000-0000-4000-8000-000000000001",
      "x-hasura-workspace-id": "00000000-0000-4000-8000-000000000002",
      ...claims,
    },
  })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtKey));
}
