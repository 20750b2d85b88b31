import pg from "pg";

import { serve } from "../support/served.ts";
import { operationOf } from "./operations.ts";

/**
 * What a careful person writes by hand: node:http, a pool, one named statement whose JSON text is passed on. The session is
 * taken from headers as it comes, nothing is verified, parsed or planned: the floor that the engine is measured against.
 */
const pool = new pg.Pool({ connectionString: process.env["BENCH_SERVER_DATABASE_URL"] ?? "", max: 16 });

const answer = async (name: string, values: unknown[], session: string): Promise<string> => {
  const operation = operationOf(name);
  const config = { name: operation.name, text: operation.sql, values };
  if (operation.transaction !== true) {
    const result = await pool.query<{ data: string }>(config);
    return result.rows[0]?.data ?? "null";
  }
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query({ name: "s", text: "select set_config('hasura.user', $1, true)", values: [session] });
    const result = await client.query<{ data: string }>(config);
    await client.query("commit");
    return result.rows[0]?.data ?? "null";
  } finally {
    client.release();
  }
};

await serve(
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const values = JSON.parse(Buffer.concat(chunks).toString()) as unknown[];
      const session = String(request.headers["x-session"]);
      answer((request.url ?? "/").slice(1), values, session).then(
        (data) => {
          const text = `{"data":${data}}`;
          response.writeHead(200, {
            "content-type": "application/json",
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
