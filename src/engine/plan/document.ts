import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type VariableDefinitionNode,
  visit,
} from "graphql";
import { validationFailed } from "../errors.ts";
import { refuseOversized } from "./document-size.ts";

/** What of a document does not depend on variables. */
export interface PreparedDocument {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly declared: ReadonlyMap<string, VariableDefinitionNode>;
  /** Variables that the operation or a fragment it reaches refers to. */
  readonly used: ReadonlySet<string>;
}

const chooseOperation = (document: DocumentNode, name: string | undefined): OperationDefinitionNode => {
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  if (name !== undefined && name !== "") {
    const found = operations.find((operation) => operation.name?.value === name);
    if (!found) throw validationFailed(`no such operation found in the document: "${name}"`);
    return found;
  }
  const [only, ...others] = operations;
  if (!only || others.length > 0) {
    throw validationFailed(
      "exactly one operation has to be present in the document when operationName is not specified",
    );
  }
  return only;
};

const refuseCycles = (
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  selectionSet: SelectionSetNode,
  path: string,
  trail: readonly string[],
  reached: Set<string>,
): void => {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      const below = `${path}.${selection.name.value}.selectionSet`;
      if (selection.selectionSet) refuseCycles(fragments, selection.selectionSet, below, trail, reached);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      refuseCycles(fragments, selection.selectionSet, path, trail, reached);
    } else {
      const name = selection.name.value;
      const fragment = fragments.get(name);
      if (!fragment) throw validationFailed(`reference to undefined fragment '${name}'`, path);
      if (trail.includes(name)) {
        const cycle = trail.slice(trail.indexOf(name));
        throw validationFailed(`the fragment definition(s) ${cycle.join(" and ")} form a cycle`, path);
      }
      if (reached.has(name)) continue;
      refuseCycles(
        fragments,
        fragment.selectionSet,
        `${path}.${name}.selectionSet`,
        [...trail, name],
        reached,
      );
      reached.add(name);
    }
  }
};

export const prepareDocument = (
  document: DocumentNode,
  operationName: string | undefined,
): PreparedDocument => {
  const operation = chooseOperation(document, operationName);
  for (const { name } of operation.directives ?? []) {
    const known = ["include", "skip", "cached", "_multiple_top_level_fields"].includes(name.value);
    if (!known) throw validationFailed(`directive '${name.value}' is not defined in the schema`);
    const allowedOn = { cached: "query", _multiple_top_level_fields: "subscription" }[name.value];
    if (allowedOn !== operation.operation) {
      throw validationFailed(`directive '${name.value}' is not allowed on a ${operation.operation}`);
    }
  }
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const reached = new Set<string>();
  refuseCycles(fragments, operation.selectionSet, "$.selectionSet", [], reached);
  refuseOversized(fragments, operation.selectionSet);
  const declared = new Map<string, VariableDefinitionNode>();
  for (const definition of operation.variableDefinitions ?? []) {
    const name = definition.variable.name.value;
    if (declared.has(name)) throw validationFailed(`multiple definitions for variable "${name}"`);
    declared.set(name, definition);
  }
  const used = new Set<string>();
  const note = (node: SelectionSetNode | DirectiveNode): void => {
    visit(node, {
      Variable: (node) => {
        used.add(node.name.value);
      },
    });
  };
  note(operation.selectionSet);
  for (const directive of operation.directives ?? []) note(directive);
  for (const name of reached) {
    const fragment = fragments.get(name);
    if (fragment) note(fragment.selectionSet);
  }
  return { operation, fragments, declared, used };
};
