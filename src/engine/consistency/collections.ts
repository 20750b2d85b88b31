import { type DocumentNode, Kind, parse } from "graphql";

import { type Draft, type Entry, entriesOf, isEntry, named } from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import { type Findings, keepIf } from "./inconsistency.ts";

/** `users/:id` as its segments; a variable is a segment that begins with a colon. */
export const segmentsOf = (url: string): readonly string[] => url.replace(/^\//, "").split("/");

const isVariable = (segment: string): boolean => segment.startsWith(":");

/** Two paths that a request could mean both: at each place the same word, or a variable in one of them. */
const ambiguous = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length &&
  one.every((segment, index) => {
    const there = other[index] ?? "";
    return segment === there || isVariable(segment) || isVariable(there);
  });

const endpointQuery = (
  draft: Draft,
  endpoint: Entry,
): { readonly name: string; readonly text: string | undefined } => {
  const definition = isEntry(endpoint["definition"]) ? endpoint["definition"] : {};
  const wanted = isEntry(definition["query"]) ? definition["query"] : {};
  const collection = entriesOf(draft["query_collections"]).find(named(wanted["collection_name"]));
  const queries = isEntry(collection?.["definition"]) ? entriesOf(collection["definition"]["queries"]) : [];
  const query = queries.find(named(wanted["query_name"]));
  return {
    name: String(wanted["query_name"]),
    text: typeof query?.["query"] === "string" ? query["query"] : undefined,
  };
};

const parsed = (text: string): DocumentNode | undefined => {
  try {
    return parse(text, { noLocation: true });
  } catch {
    return undefined;
  }
};

const queryFault = (draft: Draft, endpoint: Entry): string | undefined => {
  const where = `in endpoint ${String(endpoint["name"])}`;
  const { name, text } = endpointQuery(draft, endpoint);
  if (text === undefined) return `${where}: query with name ${name} does not exist`;
  const document = parsed(text);
  if (document === undefined) return `${where}: query with name ${name} is not a valid graphql query`;
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  if (operations.length !== 1)
    return `${where}: query with name ${name} has ${operations.length === 0 ? "no" : "multiple"} definitions`;
  if (operations[0]?.operation === "subscription")
    return `${where}: query with name ${name} is a subscription`;
  return undefined;
};

const definitionOf = (endpoint: Entry): Entry => ({ ...endpoint, comment: endpoint["comment"] ?? null });

const methodsOf = (endpoint: Entry): readonly string[] => [endpoint["methods"]].flat().map(String);

/** Paths that cannot be served, in Hasura's order: empty segments, doubled variables, ambiguity, then the query. */
export const checkEndpoints = (findings: Findings, draft: Draft): void => {
  const key = "rest_endpoints";
  const report = (endpoint: Entry, reason: string): false => {
    findings.add({
      definition: definitionOf(endpoint),
      reason,
      name: objectNames.endpoint(String(endpoint["name"])),
      type: "rest_endpoint",
    });
    return false;
  };
  keepIf(draft, key, (endpoint) => {
    const url = String(endpoint["url"]);
    const segments = segmentsOf(url);
    if (segments.some((segment) => segment === "" || segment === ":")) {
      return report(endpoint, `Empty segments or unnamed variables are not allowed: ${url}`);
    }
    const variables = segments.filter(isVariable);
    if (new Set(variables).size !== variables.length) {
      return report(endpoint, `Duplicate variables found in endpoint path: ${url}`);
    }
    const fault = queryFault(draft, endpoint);
    return fault === undefined || report(endpoint, `Inconsistent object: ${fault}`);
  });
  const endpoints = entriesOf(draft[key]);
  const clashing = new Set<Entry>();
  for (const [index, one] of endpoints.entries()) {
    for (const other of endpoints.slice(index + 1)) {
      const shared = methodsOf(one).some((method) => methodsOf(other).includes(method));
      if (shared && ambiguous(segmentsOf(String(one["url"])), segmentsOf(String(other["url"])))) {
        clashing.add(one).add(other);
      }
    }
  }
  if (clashing.size === 0) return;
  const paths = [...new Set([...clashing].map((endpoint) => String(endpoint["url"])))];
  findings.add({
    type: "rest_endpoint",
    reason: `Ambiguous URL paths detected: ${paths.join(", ")}`,
    conflicts: [...clashing].map(definitionOf),
  });
  keepIf(draft, key, (endpoint) => !clashing.has(endpoint));
};

/** Entries of the allow list whose collection is not there. */
export const checkAllowList = (findings: Findings, draft: Draft): void => {
  keepIf(draft, "allowlist", (entry) => {
    const name = String(entry["collection"]);
    if (entriesOf(draft["query_collections"]).some(named(name))) return true;
    findings.object(
      "allowlist",
      `allowlist ${name}`,
      `query collection with name "${name}" does not exist`,
      entry,
    );
    return false;
  });
};
