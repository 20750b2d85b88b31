import {
  type ArgumentNode,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLArgument,
  GraphQLBoolean,
  GraphQLDirective,
  type GraphQLField,
  GraphQLNonNull,
  type GraphQLObjectType,
  isLeafType,
  isObjectType,
  print,
  type SelectionSetNode,
} from "graphql";
import { validationFailed } from "../errors.ts";
import { bindingOf, type FieldBinding } from "../schema/bindings.ts";
import { type InputScope, inputToRaw, readArguments } from "./input.ts";

export interface SelectionScope extends InputScope {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

/** One response key: the field behind it and everything selected below it, fragments resolved. */
export interface SelectedField {
  readonly key: string;
  readonly name: string;
  readonly path: string;
  readonly args: readonly ArgumentNode[];
  /** Absent for `__typename`. */
  readonly definition: GraphQLField<unknown, unknown> | undefined;
  readonly binding: FieldBinding | undefined;
  /** Type of the object below, absent for leaves. */
  readonly type: GraphQLObjectType | undefined;
  readonly nodes: readonly FieldNode[];
}

const ifArgument: { readonly args: readonly GraphQLArgument[] } = new GraphQLDirective({
  name: "include",
  locations: [],
  args: { if: { type: new GraphQLNonNull(GraphQLBoolean) } },
});

const onOperations: ReadonlySet<string> = new Set(["cached", "_multiple_top_level_fields"]);

/** Where a selection stands, in Hasura's words. */
type Location = "a field" | "a fragment spread" | "an inline fragment";

const included = (
  scope: SelectionScope,
  directives: readonly DirectiveNode[] | undefined,
  location: Location,
  path: string,
): boolean => {
  if (directives === undefined || directives.length === 0) return true;
  const names = directives.map((directive) => directive.name.value);
  let keep = true;
  for (const directive of directives) {
    const name = directive.name.value;
    if (onOperations.has(name)) {
      throw validationFailed(`directive '${name}' is not allowed on ${location}`, path);
    }
    if (name !== "include" && name !== "skip") {
      throw validationFailed(`directive '${name}' is not defined in the schema`, path);
    }
    const given = readArguments(
      scope,
      { name, args: ifArgument.args },
      directive.arguments ?? [],
      `${path}.${name}`,
    ).get("if");
    if (given?.kind === "deferred") scope.structural(given.variable);
    const value = given === undefined ? null : inputToRaw(given, scope.variables);
    if (value === (name === "skip")) keep = false;
  }
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  if (repeated.length > 0) {
    const list = [...new Set(repeated)].map((name) => `'${name}'`).join(", ");
    throw validationFailed(`the following directives are used more than once: [${list}]`, path);
  }
  return keep;
};

interface Collected {
  readonly nodes: FieldNode[];
  readonly path: string;
}

const collectInto = (
  scope: SelectionScope,
  type: GraphQLObjectType,
  selectionSet: SelectionSetNode,
  path: string,
  into: Map<string, Collected>,
): void => {
  for (const selection of selectionSet.selections) {
    if (selection.kind === "Field") {
      const fieldPath = `${path}.selectionSet.${selection.name.value}`;
      if (!included(scope, selection.directives, "a field", `${path}.selectionSet`)) continue;
      const key = selection.alias?.value ?? selection.name.value;
      const known = into.get(key);
      if (known) known.nodes.push(selection);
      else into.set(key, { nodes: [selection], path: fieldPath });
    } else if (selection.kind === "InlineFragment") {
      if (!included(scope, selection.directives, "an inline fragment", path)) continue;
      const condition = selection.typeCondition?.name.value;
      if (condition !== undefined && condition !== type.name) continue;
      collectInto(scope, type, selection.selectionSet, path, into);
    } else {
      const name = selection.name.value;
      if (!included(scope, selection.directives, "a fragment spread", path)) continue;
      const fragment = scope.fragments.get(name);
      if (!fragment)
        throw validationFailed(`reference to undefined fragment '${name}'`, `${path}.selectionSet`);
      if (fragment.typeCondition.name.value !== type.name) continue;
      collectInto(scope, type, fragment.selectionSet, path, into);
    }
  }
};

const sameArguments = (left: FieldNode, right: FieldNode): boolean => {
  const text = (node: FieldNode): string =>
    (node.arguments ?? [])
      .map((argument) => print(argument))
      .sort()
      .join(",");
  return text(left) === text(right);
};

const toSelected = (type: GraphQLObjectType, key: string, collected: Collected): SelectedField => {
  const { nodes, path } = collected;
  const [node, ...others] = nodes;
  if (!node) throw new Error("a collected field has at least one node");
  const name = node.name.value;
  for (const other of others) {
    if (other.name.value !== name) {
      throw validationFailed(
        `selection of both '${name}' and '${other.name.value}' specify the same response name, '${key}'`,
        path,
      );
    }
    if (!sameArguments(node, other)) {
      throw validationFailed(`inconsistent arguments between multiple selections of field '${name}'`, path);
    }
  }
  const args = node.arguments ?? [];
  if (name === "__typename") {
    if (node.selectionSet) throw validationFailed("unexpected subselection set for non-object field", path);
    return {
      key,
      name,
      path,
      args,
      definition: undefined,
      binding: { kind: "typename" },
      type: undefined,
      nodes,
    };
  }
  const definition = type.getFields()[name];
  if (!definition) throw validationFailed(`field '${name}' not found in type: '${type.name}'`, path);
  const named = getNamedType(definition.type);
  if (isLeafType(named) && node.selectionSet) {
    throw validationFailed("unexpected subselection set for non-object field", path);
  }
  if (isObjectType(named) && !node.selectionSet) {
    throw validationFailed(`missing selection set for '${name}'`, path);
  }
  return {
    key,
    name,
    path,
    args,
    definition,
    binding: bindingOf(definition),
    type: isObjectType(named) ? named : undefined,
    nodes,
  };
};

/** The fields of a selection set in response order. */
export const collectFields = (
  scope: SelectionScope,
  type: GraphQLObjectType,
  selectionSets: readonly SelectionSetNode[],
  path: string,
): readonly SelectedField[] => {
  const collected = new Map<string, Collected>();
  for (const selectionSet of selectionSets) collectInto(scope, type, selectionSet, path, collected);
  const fields: SelectedField[] = [];
  for (const [key, entry] of collected) {
    if (entry.nodes[0]?.name.value.startsWith("__") && entry.nodes[0].name.value !== "__typename") {
      fields.push({
        key,
        name: entry.nodes[0].name.value,
        path: entry.path,
        args: entry.nodes[0].arguments ?? [],
        definition: undefined,
        binding: undefined,
        type: undefined,
        nodes: entry.nodes,
      });
    } else {
      fields.push(toSelected(type, key, entry));
    }
  }
  return fields;
};

/** The fields below a selected field. */
export const collectBelow = (scope: SelectionScope, field: SelectedField): readonly SelectedField[] => {
  if (!field.type) return [];
  return collectFields(
    scope,
    field.type,
    field.nodes.flatMap((node) => (node.selectionSet ? [node.selectionSet] : [])),
    field.path,
  );
};
