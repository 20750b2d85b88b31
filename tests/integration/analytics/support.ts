import { type IncomingMessage, type Server } from "node:http";
import express from "express";

import { closeServer, listen, portOf } from "../../../src/cli/listen.ts";
import { type Database, silentLogger, systemClock } from "../../../src/core/index.ts";
import { createTracker } from "../../../src/domain/analytics/index.ts";
import { type Caller, createTrackRouter, trackPath } from "../../../src/gateway/index.ts";

export interface TrackAnswer {
  readonly success: boolean;
  readonly tracked: number;
  readonly duplicates: number;
  readonly failed: number;
  readonly invalidIndices?: readonly number[];
  readonly results: readonly {
    readonly index: number;
    readonly id: string | null;
    readonly status: string;
    readonly code?: string;
    readonly path?: string;
  }[];
}

export interface TrackServer {
  post(
    body: string | Buffer,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: TrackAnswer; readonly code: string | undefined }>;
  send(events: unknown, headers?: Readonly<Record<string, string>>): ReturnType<TrackServer["post"]>;
  stop(): Promise<void>;
}

export const userOf = (workspaceId: string | undefined, userId: string | undefined): Caller => ({
  kind: "user",
  role: "user",
  address: "127.0.0.1",
  workspaceId,
  userId,
  apiKeyId: undefined,
  expiresAt: undefined,
});

/** The router over HTTP, for one caller. */
export const serveTrack = async (
  database: Database,
  callerOf: (request: IncomingMessage) => Caller,
): Promise<TrackServer> => {
  const app = express();
  const tracker = createTracker({ database, clock: systemClock });
  app.use(trackPath, createTrackRouter({ tracker, logger: silentLogger, callerOf }));
  const server: Server = await listen("track", app, 0, "127.0.0.1");
  const url = `http://127.0.0.1:${String(portOf(server))}${trackPath}`;
  const post: TrackServer["post"] = async (body, headers = { "content-type": "application/json" }) => {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: typeof body === "string" ? body : new Uint8Array(body),
    });
    const answer = (await response.json()) as TrackAnswer & {
      errors?: readonly { readonly extensions: { readonly code: string } }[];
    };
    return { status: response.status, body: answer, code: answer.errors?.[0]?.extensions.code };
  };
  return {
    post,
    send: (events, headers) => post(JSON.stringify(events), headers),
    stop: () => closeServer(server, 0),
  };
};

export const countEvents = async (database: Database, workspaceId: string): Promise<number> =>
  (
    await database.query<{ n: number }>(
      "select count(*)::int as n from analytics.events where workspace_id = $1",
      [workspaceId],
    )
  )[0]?.n ?? 0;
