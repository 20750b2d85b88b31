import {
  type DocumentNode,
  execute,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
} from "graphql";
import { validationFailed } from "../errors.ts";
import { type Raw, rawToJson } from "../sql/raw.ts";
import type { Variables } from "../sql/builder.ts";
import type { SelectedField } from "./collect-fields.ts";

const mutable = (raw: Raw): unknown => JSON.parse(rawToJson(raw)) as unknown;

/** Answers `__schema` and `__type` from the role's schema; returns the JSON of the one field. */
export const introspect = (
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  field: SelectedField,
  variables: Variables,
): string => {
  const selections: readonly FieldNode[] = field.nodes;
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } },
      ...fragments.values(),
    ],
  };
  const values = Object.fromEntries([...variables].map(([name, raw]) => [name, mutable(raw)]));
  const result = execute({ schema, document, variableValues: values });
  if (result instanceof Promise || !("data" in result) || !result.data || result.errors?.length) {
    throw validationFailed(`field '${field.name}' cannot be resolved`, field.path);
  }
  return JSON.stringify(result.data[field.key] ?? null);
};
