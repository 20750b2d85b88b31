const safeId = /^[\w.:-]{1,128}$/u;

export const requestIdHeader = "x-request-id";

const valueOf = (headers: object): unknown => (headers as Readonly<Record<string, unknown>>)[requestIdHeader];

/** The id of a request as its headers have it, if it is one that may be passed on. */
export const requestIdOf = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>> | ReadonlyMap<string, string>,
): string | undefined => {
  const given = headers instanceof Map ? (headers.get(requestIdHeader) as unknown) : valueOf(headers);
  return typeof given === "string" && safeId.test(given) ? given : undefined;
};
