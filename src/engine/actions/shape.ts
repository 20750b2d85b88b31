import {
  getNamedType,
  isObjectType,
  Kind,
  valueFromASTUntyped,
  type DirectiveNode,
  type FragmentDefinitionNode,
  type GraphQLOutputType,
  type SelectionSetNode,
} from "graphql";

export interface ShapeContext {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Readonly<Record<string, unknown>>;
}

const wanted = (
  directives: readonly DirectiveNode[] | undefined,
  variables: ShapeContext["variables"],
): boolean => {
  for (const directive of directives ?? []) {
    const condition = directive.arguments?.find((argument) => argument.name.value === "if");
    if (condition === undefined) continue;
    const holds = valueFromASTUntyped(condition.value, { ...variables }) === true;
    if (directive.name.value === "skip" && holds) return false;
    if (directive.name.value === "include" && !holds) return false;
  }
  return true;
};

interface PickedField {
  readonly name: string;
  readonly selections: SelectionSetNode[];
}

const collect = (
  selection: SelectionSetNode,
  typeName: string,
  context: ShapeContext,
  into: Map<string, PickedField>,
): Map<string, PickedField> => {
  for (const node of selection.selections) {
    if (!wanted(node.directives, context.variables)) continue;
    if (node.kind === Kind.FIELD) {
      const key = node.alias?.value ?? node.name.value;
      const picked = into.get(key) ?? { name: node.name.value, selections: [] };
      if (node.selectionSet !== undefined) picked.selections.push(node.selectionSet);
      into.set(key, picked);
      continue;
    }
    const fragment = node.kind === Kind.FRAGMENT_SPREAD ? context.fragments.get(node.name.value) : node;
    const condition = fragment?.typeCondition?.name.value;
    if (fragment !== undefined && (condition === undefined || condition === typeName)) {
      collect(fragment.selectionSet, typeName, context, into);
    }
  }
  return into;
};

/** Keeps what the client selected, under its aliases and in its order; a missing nullable field is null. */
export const shapeOutput = (
  value: unknown,
  type: GraphQLOutputType,
  selections: readonly SelectionSetNode[],
  context: ShapeContext,
): unknown => {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map((item) => shapeOutput(item, type, selections, context));
  const named = getNamedType(type);
  if (!isObjectType(named) || typeof value !== "object") return value;
  const fields = new Map<string, PickedField>();
  for (const selection of selections) collect(selection, named.name, context, fields);
  const source = value as Readonly<Record<string, unknown>>;
  const result: [string, unknown][] = [];
  for (const [key, field] of fields) {
    if (field.name === "__typename") {
      result.push([key, named.name]);
      continue;
    }
    const definition = named.getFields()[field.name];
    if (definition === undefined) continue;
    const inner = Object.hasOwn(source, field.name) ? source[field.name] : null;
    result.push([key, shapeOutput(inner, definition.type, field.selections, context)]);
  }
  return Object.fromEntries(result);
};
