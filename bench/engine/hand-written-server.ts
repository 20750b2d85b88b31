import { Agent, request as httpRequest } from "node:http";

import pg from "pg";

import { serve } from "../support/served.ts";
import { type HandWritten, operationOf } from "./operations.ts";

/**
 * What a careful person writes by hand: node:http, a pool, one named statement whose JSON text is passed on; for an action
 * a keep-alive connection to its webhook. The session is taken as it comes, nothing is verified, parsed or planned: the
 * floor that the engine is measured against.
 */
const pool = new pg.Pool({ connectionString: process.env["BENCH_SERVER_DATABASE_URL"] ?? "", max: 16 });
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const webhooks = process.env["BENCH_ACTIONS_URL"] ?? "";

// JSON arrives as text and stays it.
const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => value };

const query = async (
  name: string,
  { sql }: HandWritten & { readonly kind: "sql" },
  values: unknown[],
): Promise<string> => {
  const { rows } = await pool.query<Readonly<Record<string, string>>>({
    name,
    text: sql,
    values,
    types: asText,
  });
  const fields = Object.entries(rows[0] ?? {}).map(([field, json]) => `"${field}":${json}`);
  return `{${fields.join(",")}}`;
};

const callWebhook = (path: string, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const call = httpRequest(`${webhooks}${path}`, { method: "POST", agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      response.on("error", reject);
    });
    call.on("error", reject);
    call.end(body);
  });

const act = async (
  { action, fields }: HandWritten & { readonly kind: "action" },
  [input]: unknown[],
): Promise<string> => {
  const body = JSON.stringify({ action: { name: action }, input, session_variables: {} });
  const answer = JSON.parse(await callWebhook(`/actions/${action}`, body)) as Readonly<
    Record<string, unknown>
  >;
  return JSON.stringify({
    [action]: Object.fromEntries(fields.map((field) => [field, answer[field] ?? null])),
  });
};

const answer = (name: string, values: unknown[]): Promise<string> => {
  const { byHand } = operationOf(name);
  return byHand.kind === "sql" ? query(name, byHand, values) : act(byHand, values);
};

void serve(
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const values = JSON.parse(Buffer.concat(chunks).toString()) as unknown[];
      answer((request.url ?? "/").slice(1), values).then(
        (data) => {
          const text = `{"data":${data}}`;
          response.writeHead(200, {
            "content-type": "application/json; charset=utf-8",
            "content-length": Buffer.byteLength(text),
          });
          response.end(text);
        },
        (error: unknown) => {
          response.writeHead(500, { "content-length": 0 });
          response.end();
          console.error(error);
        },
      );
    });
  },
  () => pool.end(),
);
