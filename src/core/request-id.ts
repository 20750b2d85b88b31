const safeId = /^[\w.:-]{1,128}$/u;

export const requestIdHeader = "x-request-id";

/** The id of a request as its headers have it, if it is one that may be passed on. */
export const requestIdOf = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined => {
  const given = headers[requestIdHeader];
  return typeof given === "string" && safeId.test(given) ? given : undefined;
};
