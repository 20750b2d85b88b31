import { type Draft, type Entry, entriesOf, isEntry, named } from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import { type Findings, keepIf } from "./inconsistency.ts";

const baseType = (type: unknown): string => String(type).replace(/[[\]!]/g, "");

/** The action with every default written out, as Hasura shows it. */
const definitionOf = (action: Entry): Entry => {
  const definition = isEntry(action["definition"]) ? action["definition"] : {};
  return {
    name: action["name"],
    comment: action["comment"] ?? null,
    definition: {
      type: "mutation",
      forward_client_headers: false,
      headers: [],
      timeout: 30,
      ...definition,
      arguments: entriesOf(definition["arguments"]).map((argument) => ({ description: null, ...argument })),
    },
  };
};

/** The answer of an asynchronous action is joined from the log, where only scalars can be joined on. */
export const checkActions = (findings: Findings, draft: Draft): void => {
  const types = isEntry(draft["custom_types"]) ? entriesOf(draft["custom_types"]["objects"]) : [];
  keepIf(draft, "actions", (action) => {
    const definition = isEntry(action["definition"]) ? action["definition"] : {};
    const output = types.find(named(baseType(definition["output_type"])));
    if (definition["kind"] !== "asynchronous" || entriesOf(output?.["relationships"]).length === 0)
      return true;
    const objects = entriesOf(output?.["fields"]).filter((field) =>
      types.some(named(baseType(field["type"]))),
    );
    if (objects.length === 0) return true;
    const name = String(action["name"]);
    const fields = objects.map((field) => `"${String(field["name"])}"`).join(", ");
    findings.object(
      "action",
      objectNames.action(name),
      `in action "${name}"; Async action relations cannot be used with object fields: ${fields}`,
      definitionOf(action),
    );
    return false;
  });
};
