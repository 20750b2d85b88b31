import { type ApiCall, type ApiCallRow } from "./types.ts";

const hourMs = 3_600_000;
/** What stands for all names beyond those that are told apart; no name of an operation looks so. */
export const otherOperations = "(other)";
const longestText = 100;
const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/iu;

const uuidOrNull = (text: string | undefined): string | null =>
  text !== undefined && uuidPattern.test(text) ? text.toLowerCase() : null;

/** Text of a client or a token: no control characters, which jsonb would refuse, and of bounded length. */
const plain = (text: string): string => text.slice(0, longestText).replaceAll(/\p{Cc}/gu, "");

export interface TallySettings {
  /** Names of operations told apart in each workspace and hour. */
  readonly maxOperations: number;
  /** Rows between two writes; what comes beyond is counted without user and operation. */
  readonly maxRows: number;
}

export interface Tally {
  add(call: ApiCall): void;
  /** What was added since it was last taken. */
  take(): readonly ApiCallRow[];
  size(): number;
}

/** Adds calls up by what is told apart. Its size is bounded whatever clients call their operations. */
export const createTally = ({ maxOperations, maxRows }: TallySettings): Tally => {
  let rows = new Map<string, ApiCallRow>();
  let hourOfNames = 0;
  const names = new Map<string, Set<string>>();
  let hourText = "";

  const nameOf = (call: ApiCall, hour: number): string | null => {
    if (hour !== hourOfNames) {
      hourOfNames = hour;
      hourText = new Date(hour * hourMs).toISOString();
      names.clear();
    }
    if (call.operation === undefined || call.operation === "") return null;
    let known = names.get(call.workspaceId);
    if (known === undefined) {
      known = new Set();
      names.set(call.workspaceId, known);
    }
    // What is known is plain: only a new name is looked through.
    if (known.has(call.operation)) return call.operation;
    const name = plain(call.operation);
    if (known.has(name)) return name;
    if (known.size >= maxOperations) return otherOperations;
    known.add(name);
    return name;
  };

  const makeRow = (call: ApiCall, operation: string | null, code: string, detailed: boolean): ApiCallRow => ({
    workspace_id: call.workspaceId,
    hour: hourText,
    user_id: detailed ? uuidOrNull(call.userId) : null,
    api_key_id: detailed ? uuidOrNull(call.apiKeyId) : null,
    operation: detailed ? operation : otherOperations,
    role: plain(call.role),
    protocol: call.protocol,
    status: call.status,
    code,
    count: 0,
    refused: 0,
    errors: 0,
    latency_ms_sum: 0,
    latency_ms_min: Number.MAX_SAFE_INTEGER,
    latency_ms_max: 0,
    bytes_in: 0,
    bytes_out: 0,
  });

  const rowOf = (call: ApiCall): ApiCallRow | undefined => {
    const operation = nameOf(call, Math.floor(call.at.getTime() / hourMs));
    const code = call.code === undefined ? "" : plain(call.code);
    const rest = `${call.workspaceId}\n${hourText}\n${call.role}\n${call.protocol}\n${String(call.status)}\n${code}`;
    const key = `${call.userId ?? ""}\n${call.apiKeyId ?? ""}\n${operation ?? ""}\n${rest}`;
    const known = rows.get(key);
    if (known !== undefined) return known;
    // Rows are kept by tenant: what names none belongs to nobody.
    if (!uuidPattern.test(call.workspaceId)) return undefined;
    const detailed = rows.size < maxRows;
    const usedKey = detailed ? key : rest;
    const row = rows.get(usedKey) ?? makeRow(call, operation, code, detailed);
    rows.set(usedKey, row);
    return row;
  };

  return {
    add: (call) => {
      const row = rowOf(call);
      if (row === undefined) return;
      const latencyMs = Math.max(0, Math.round(call.latencyMs));
      if (call.isRefused) row.refused += call.units;
      else {
        row.count += call.units;
        if (call.status >= 400 || call.code !== undefined) row.errors += call.units;
      }
      row.latency_ms_sum += latencyMs;
      row.latency_ms_min = Math.min(row.latency_ms_min, latencyMs);
      row.latency_ms_max = Math.max(row.latency_ms_max, latencyMs);
      row.bytes_in += call.bytesIn;
      row.bytes_out += call.bytesOut;
    },
    take: () => {
      const taken = [...rows.values()];
      rows = new Map();
      return taken;
    },
    size: () => rows.size,
  };
};
