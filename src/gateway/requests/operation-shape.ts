import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from "graphql";
import { LRUCache } from "lru-cache";

/** What limits, costs and rollups need to know of an operation. */
export interface OperationShape {
  /** Unknown for a document that is none, or does not hold the asked-for operation: the upstream says so. */
  readonly type: "query" | "mutation" | "subscription" | "unknown";
  readonly name: string | undefined;
  /** Names of the top-level fields, fragments included; an alias counts by the field that it stands for. */
  readonly rootFields: readonly string[];
  /** Levels of selection, 1 for scalars at the top; introspection fields count too. */
  readonly depth: number;
  /** Fields with every fragment written out where it is used. */
  readonly nodes: number;
  /** Levels of fields that have a selection, introspection left out: what Hasura's depth limit is about. */
  readonly objectDepth: number;
  /** Fields that have a selection, every fragment written out: what Hasura's node limit is about. */
  readonly objects: number;
}

const documentsKept = 2_000;
/** Longer documents are rare and would fill the memory. */
const longestKept = 64 * 1024;
/** Counting stops here: no limit is that high, and fragments that use each other twice stand for millions of fields. */
const most = 1_000_000;

const unknownShape: OperationShape = {
  type: "unknown",
  name: undefined,
  rootFields: [],
  depth: 0,
  nodes: 0,
  objectDepth: 0,
  objects: 0,
};

/** Too deep to be taken apart: whatever limit there is, it is beyond. */
const endlessShape: OperationShape = {
  ...unknownShape,
  depth: most,
  nodes: most,
  objectDepth: most,
  objects: most,
};

type Measure = Pick<OperationShape, "nodes" | "depth" | "objectDepth" | "objects">;

const nothing: Measure = { nodes: 0, depth: 0, objectDepth: 0, objects: 0 };

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

const withField = ({ name, selectionSet }: FieldNode, below: Measure): Measure => {
  const object = selectionSet === undefined ? 0 : 1;
  return {
    nodes: below.nodes + 1,
    depth: below.depth + 1,
    objects: below.objects + object,
    objectDepth: name.value === "__schema" || name.value === "__type" ? 0 : below.objectDepth + object,
  };
};

const measure = (
  set: SelectionSetNode,
  fragments: Fragments,
  known: Map<string, Measure | "open">,
): Measure => {
  let { nodes, depth, objectDepth, objects } = nothing;
  for (const selection of set.selections) {
    let below = nothing;
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const name = selection.name.value;
      const seen = known.get(name);
      const fragment = fragments.get(name);
      // A fragment that reaches itself is refused by the upstream.
      if (seen === "open" || fragment === undefined) continue;
      if (seen === undefined) {
        known.set(name, "open");
        below = measure(fragment.selectionSet, fragments, known);
        known.set(name, below);
      } else below = seen;
    } else {
      if (selection.selectionSet !== undefined) below = measure(selection.selectionSet, fragments, known);
      if (selection.kind === Kind.FIELD) below = withField(selection, below);
    }
    nodes = Math.min(most, nodes + below.nodes);
    depth = Math.max(depth, below.depth);
    objects = Math.min(most, objects + below.objects);
    objectDepth = Math.max(objectDepth, below.objectDepth);
  }
  return { nodes, depth, objectDepth, objects };
};

const rootsOf = (set: SelectionSetNode, fragments: Fragments, reached: Set<string>): string[] =>
  set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection.name.value];
    if (selection.kind === Kind.INLINE_FRAGMENT) return rootsOf(selection.selectionSet, fragments, reached);
    const name = selection.name.value;
    const fragment = fragments.get(name);
    if (fragment === undefined || reached.has(name)) return [];
    reached.add(name);
    return rootsOf(fragment.selectionSet, fragments, reached);
  });

const chosen = (
  document: DocumentNode,
  operationName: string | undefined,
): OperationDefinitionNode | undefined => {
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  if (operationName === undefined || operationName === "")
    return operations.length === 1 ? operations[0] : undefined;
  return operations.find((operation) => operation.name?.value === operationName);
};

const readDocument = (query: string, operationName: string | undefined): OperationShape => {
  const document = parse(query, { noLocation: true });
  const operation = chosen(document, operationName);
  if (operation === undefined) return unknownShape;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return {
    type: operation.operation,
    name: operation.name?.value,
    rootFields: rootsOf(operation.selectionSet, fragments, new Set()),
    ...measure(operation.selectionSet, fragments, new Map()),
  };
};

const shapeOf: typeof readDocument = (query, operationName) => {
  try {
    return readDocument(query, operationName);
  } catch (error) {
    // The parser recurses: its only other failure is a syntax error.
    return error instanceof RangeError ? endlessShape : unknownShape;
  }
};

export type ReadShape = (query: string, operationName: string | undefined) => OperationShape;

/** Shapes by document and operation name; a document that comes again is not parsed again. */
export const createShapeReader = (): ReadShape => {
  const shapes = new LRUCache<string, OperationShape>({ max: documentsKept });
  return (query, operationName) => {
    // Both come from a client: the length keeps one client from writing the key of another's document.
    const key =
      operationName === undefined ? `=${query}` : `${String(operationName.length)}:${operationName}${query}`;
    const known = shapes.get(key);
    if (known !== undefined) return known;
    const shape = shapeOf(query, operationName);
    if (key.length <= longestKept) shapes.set(key, shape);
    return shape;
  };
};
