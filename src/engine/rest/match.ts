import type { RestEndpoint } from "../metadata/index.ts";

export type Match =
  | { readonly kind: "found"; readonly endpoint: RestEndpoint; readonly path: ReadonlyMap<string, string> }
  /** The path is served, but by other methods. */
  | { readonly kind: "method" }
  | { readonly kind: "none" };

const segmentsOf = (url: string): readonly string[] => url.replace(/^\//, "").split("/");

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

const matchPath = (
  endpoint: RestEndpoint,
  segments: readonly string[],
): ReadonlyMap<string, string> | undefined => {
  const pattern = segmentsOf(endpoint.url);
  if (pattern.length !== segments.length) return undefined;
  const found = new Map<string, string>();
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":")) found.set(part.slice(1), decoded(segment));
    else if (part !== decoded(segment)) return undefined;
  }
  return found;
};

/** Paths that two endpoints could mean are refused in the metadata, so the first match is the only one. */
export const matchEndpoint = (endpoints: readonly RestEndpoint[], method: string, path: string): Match => {
  const segments = segmentsOf(path);
  let other = false;
  for (const endpoint of endpoints) {
    const values = matchPath(endpoint, segments);
    if (values === undefined) continue;
    if (endpoint.methods.includes(method)) return { kind: "found", endpoint, path: values };
    other = true;
  }
  return other ? { kind: "method" } : { kind: "none" };
};
