import type { LoadTarget } from "../support/index.ts";
import type { BenchOperation } from "./operations.ts";

const ask = async ({ port, path, next }: LoadTarget): Promise<string> => {
  const { headers, body } = next();
  const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body,
  });
  return response.text();
};

const newKey = (text: string): string => text.replace(/"id":"[0-9a-f-]{36}"/, '"id":""');

/** Postgres writes a moment without trailing zeros, PostGraphile with six digits. */
const oneWayToWriteMoments = (json: string): string => json.replaceAll(/(\.\d*?)0*(?=\+00:00")/g, "$1");

const withoutKey = (value: unknown, name: string | undefined): string =>
  JSON.stringify(value, (key, member: unknown) => (key === name ? undefined : member));

const shorten = (text: string): string => (text.length > 400 ? `${text.slice(0, 400)}…` : text);

export interface Askable {
  readonly byHand: LoadTarget;
  readonly engine: LoadTarget;
  readonly postgraphile: LoadTarget | undefined;
}

/** Ends the bench where the servers do not answer the same: the fastest wrong answer would win otherwise. */
export const requireAgreement = async (operation: BenchOperation, servers: Askable): Promise<void> => {
  const { name, postgraphile, writes = false } = operation;
  const seen = writes ? newKey : (text: string): string => text;
  const fromEngine = await ask(servers.engine);
  const differ = (other: string, text: string): Error =>
    new Error(`${name}: the engine answers ${shorten(fromEngine)} but ${other} ${shorten(text)}`);
  if (fromEngine.startsWith('{"errors"')) throw new Error(`${name}: ${shorten(fromEngine)}`);
  const byHand = await ask(servers.byHand);
  if (seen(fromEngine) !== seen(byHand)) throw differ("by hand it is", byHand);
  if (postgraphile === undefined || servers.postgraphile === undefined) return;
  const answer = await ask(servers.postgraphile);
  const { data, errors } = JSON.parse(answer) as { data?: unknown; errors?: unknown };
  if (errors !== undefined) throw differ("PostGraphile", answer);
  const theirs = oneWayToWriteMoments(JSON.stringify(postgraphile.answer(data)));
  const { data: ours } = JSON.parse(fromEngine) as { data: unknown };
  const mine = oneWayToWriteMoments(withoutKey(ours, postgraphile.without));
  if (seen(theirs) !== seen(mine)) throw differ("PostGraphile", answer);
};
