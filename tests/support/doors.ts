import { join } from "node:path";
import { createAuthenticator } from "../../src/auth/index.ts";
import { closeServer, listen, portOf } from "../../src/cli/listen.ts";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createAccessStore } from "../../src/domain/access/index.ts";
import { createEngine, loadMetadataFolder, type Engine } from "../../src/engine/index.ts";
import {
  createAccess,
  createIdentity,
  type Access,
  type AccessDeps,
  type GatewayDeps,
  type Upstream,
} from "../../src/gateway/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "./database.ts";
import { startTestGateway, testAdminSecret, testJwtSecret, type TestGateway } from "./gateway.ts";

/** The two ways in which an engine stands behind a gateway. */
export const doorKinds = ["in-process", "url"] as const;
export type DoorKind = (typeof doorKinds)[number];

/** The embedded engine over the product's own metadata, with gateways of both kinds in front of it. */
export interface TestHouse {
  readonly test: TestDatabase;
  readonly engine: Engine;
  /** The engine as Hasura would stand there. */
  readonly engineUrl: string;
  readonly doors: Readonly<Record<DoorKind, TestGateway>>;
  readonly access: Access;
  stop(): Promise<void>;
}

export interface HouseOptions {
  readonly jwtSecret?: unknown;
  readonly unauthorizedRole?: string | undefined;
  readonly onOutage?: AccessDeps["onOutage"];
  readonly gateway?: Partial<Omit<GatewayDeps, "upstream" | "identity">>;
  /** Several houses over one database. */
  readonly test?: TestDatabase;
}

/** Everything but the stages: who asks is verified at the door and, behind an address, by the engine again. */
export async function startTestHouse(options: HouseOptions = {}): Promise<TestHouse> {
  const test = options.test ?? (await createTestDatabase());
  const { database } = test;
  const settings = {
    adminSecret: testAdminSecret,
    jwtSecret: options.jwtSecret ?? testJwtSecret,
    unauthorizedRole: options.unauthorizedRole ?? "anonymous",
  };
  const engine = await createEngine({
    metadata: await loadMetadataFolder(join(hasuraDir, "metadata"), {
      carriedOutElsewhere: ["api_limits.yaml"],
    }),
    database,
    clock: systemClock,
    logger: silentLogger,
    settings: {
      ...settings,
      liveQueryIntervalMs: 20,
      env: {
        PG_DATABASE_URL: test.url,
        ACTIONS_BASE_URL: "http://127.0.0.1:1",
        ACTION_SECRET: "0123456789abcdef",
      },
    },
  });
  const engineServer = await listen("engine", engine.handler, 0, "127.0.0.1");
  engine.attachWebSocket(engineServer);
  const engineUrl = `http://127.0.0.1:${String(portOf(engineServer))}`;
  const access = createAccess({
    store: createAccessStore(database),
    onOutage: options.onOutage ?? "refuse",
    clock: systemClock,
    logger: silentLogger,
  });
  const authenticator = await createAuthenticator(settings, systemClock);
  const identity = createIdentity({ authenticator, access, adminSecret: testAdminSecret });
  const open = (upstream: Upstream): Promise<TestGateway> =>
    startTestGateway({ ...options.gateway, upstream, identity });
  const doors = {
    "in-process": await open({ kind: "in-process", engine, isHealthy: () => Promise.resolve(true) }),
    url: await open({ kind: "url", url: engineUrl }),
  };
  return {
    test,
    engine,
    engineUrl,
    doors,
    access,
    stop: async () => {
      for (const kind of doorKinds) await doors[kind].stop();
      await engine.stop();
      await closeServer(engineServer, 0);
      if (options.test === undefined) await test.drop();
    },
  };
}
