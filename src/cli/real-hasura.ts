const timeoutMs = 5_000;

/** Without what a URL may carry in front of the host. */
const withoutUser = (address: string): string => {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/u, "");
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${String(timeoutMs / 1000)} s`;
  const { cause } = error;
  const inner = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  const code = typeof inner === "object" && inner !== null && "code" in inner ? inner.code : undefined;
  return code === "ECONNREFUSED" ? "nothing listens there" : typeof code === "string" ? code : error.message;
};

/** The base address of the Hasura of `HASURA_URL`, once it says that it is well. Fails in one line. */
export async function requireHasura(address: string): Promise<string> {
  const base = withoutUser(address);
  let status: number;
  try {
    const answer = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(timeoutMs) });
    status = answer.status;
  } catch (error) {
    throw new Error(`hasura: ${base} cannot be reached: ${reasonOf(error)} (HASURA_URL)`, { cause: error });
  }
  if (status !== 200)
    throw new Error(`hasura: ${base}/healthz answers ${String(status)}, not 200 (HASURA_URL)`);
  return base;
}
