import type { DocumentNode, GraphQLObjectType } from "graphql";
import { validationFailed } from "../errors.ts";
import type { RoleSchema } from "../schema/types.ts";
import type { Statement, Variables } from "../sql/builder.ts";
import { combineStatements } from "../sql/combine.ts";
import { rawToJson } from "../sql/raw.ts";
import { collectBelow, collectFields, type SelectedField, type SelectionScope } from "./collect-fields.ts";
import { prepareDocument, type PreparedDocument } from "./document.ts";
import { introspect } from "./introspection.ts";
import { planField } from "./plan-field.ts";
import type { PlannedField, PlannedOperation } from "./types.ts";
import { resolveVariables } from "./variables.ts";

export interface PlanOperationInput {
  readonly roleSchema: RoleSchema;
  readonly document: DocumentNode;
  readonly operationName?: string | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly stringifyNumericTypes?: boolean | undefined;
}

interface CachedPlan {
  readonly fields: readonly PlannedField[];
  readonly reads: Statement | undefined;
}

interface DocumentEntry {
  readonly prepared: PreparedDocument;
  readonly plans: Map<string, CachedPlan>;
  /** Variables whose content shapes the plan. */
  structural: ReadonlySet<string>;
}

/** Plans per document that differ only in the shape of variables; beyond this they are planned anew. */
const PLANS_PER_DOCUMENT = 16;

/** Plans live as long as the schema and the parsed document they belong to. */
const caches = new WeakMap<RoleSchema, WeakMap<DocumentNode, Map<string, DocumentEntry>>>();

const entryOf = (input: PlanOperationInput): DocumentEntry => {
  const { roleSchema, document } = input;
  let documents = caches.get(roleSchema);
  if (!documents) {
    documents = new WeakMap();
    caches.set(roleSchema, documents);
  }
  let entries = documents.get(document);
  if (!entries) {
    entries = new Map();
    documents.set(document, entries);
  }
  const key = `${input.operationName ?? ""} ${String(input.stringifyNumericTypes ?? false)}`;
  let entry = entries.get(key);
  if (!entry) {
    entry = {
      prepared: prepareDocument(document, input.operationName),
      plans: new Map(),
      structural: new Set(),
    };
    entries.set(key, entry);
  }
  return entry;
};

const shapeKey = (entry: DocumentEntry, variables: Variables): string => {
  let key = "";
  for (const name of entry.prepared.declared.keys()) {
    const value = variables.get(name) ?? null;
    if (value === null) key += "0";
    else if (entry.structural.has(name)) key += `=${rawToJson(value)};`;
    else key += "1";
  }
  return key;
};

const rootOf = (roleSchema: RoleSchema, operation: PlannedOperation["operation"]): GraphQLObjectType => {
  const { schema } = roleSchema;
  const root =
    operation === "query"
      ? schema.getQueryType()
      : operation === "mutation"
        ? schema.getMutationType()
        : schema.getSubscriptionType();
  if (!root) throw validationFailed(`no ${operation === "query" ? "queries" : `${operation}s`} exist`);
  return root;
};

const planFields = (
  input: PlanOperationInput,
  prepared: PreparedDocument,
  variables: Variables,
  structural: Set<string>,
): readonly PlannedField[] => {
  const { roleSchema } = input;
  const { operation, fragments, declared } = prepared;
  const root = rootOf(roleSchema, operation.operation);
  const scope: SelectionScope = {
    fragments,
    declared,
    variables,
    structural: (name) => structural.add(name),
  };
  const fields = collectFields(scope, root, [operation.selectionSet], "$");
  if (operation.operation === "subscription" && fields.length > 1) {
    const several = operation.directives?.some(
      (directive) => directive.name.value === "_multiple_top_level_fields",
    );
    if (several !== true) throw validationFailed("subscriptions must select one top level field", "$");
  }
  const planOne = (field: SelectedField, parent: string): PlannedField => {
    if (field.binding?.kind === "typename")
      return { alias: field.key, plan: { kind: "typename", name: parent } };
    const introspection = field.name === "__schema" || field.name === "__type";
    if (introspection && roleSchema.introspection) {
      for (const name of declared.keys()) structural.add(name);
      const json = introspect(roleSchema.schema, operation, fragments, field, variables);
      return { alias: field.key, plan: { kind: "introspection", json } };
    }
    if (introspection || !field.definition)
      throw validationFailed(`field '${field.name}' not found in type: '${parent}'`, field.path);
    const plan = planField(
      {
        schema: roleSchema,
        scope,
        stringifyNumericTypes: input.stringifyNumericTypes ?? false,
        operation: operation.operation,
      },
      field,
    );
    // The id of a call is checked while planning.
    if (plan.kind === "action_result") for (const name of declared.keys()) structural.add(name);
    return { alias: field.key, plan };
  };
  return fields.flatMap((field) =>
    field.binding?.kind === "namespace"
      ? collectBelow(scope, field).map((below) => ({
          ...planOne(below, field.type?.name ?? ""),
          namespace: field.key,
        }))
      : [planOne(field, root.name)],
  );
};

/** A plan that is used again, with the arguments of this request for its actions. */
const withArguments = (fields: readonly PlannedField[], variables: Variables): readonly PlannedField[] =>
  fields.some(({ plan }) => plan.kind === "action")
    ? fields.map((field) =>
        field.plan.kind === "action"
          ? { ...field, plan: { ...field.plan, input: field.plan.read(variables) } }
          : field,
      )
    : fields;

const readsOf = (fields: readonly PlannedField[]): Statement | undefined => {
  // A batch of a stream is two values.
  if (fields.some(({ plan }) => plan.kind === "sql" && plan.cursorParam !== undefined)) return undefined;
  const statements = fields.flatMap(({ plan }) => (plan.kind === "sql" ? [plan.statement] : []));
  return statements.length > 1 ? combineStatements(statements) : undefined;
};

/** Validates an operation against the role's schema and writes its SQL. Plans are kept and reused per shape of variables. */
export const planOperation = (input: PlanOperationInput): PlannedOperation => {
  try {
    return planWithCache(input);
  } catch (error) {
    // The depth of values is bounded by the stack alone; to run out of it is the request's fault.
    if (error instanceof RangeError) throw validationFailed("the query is nested too deeply", "$.query");
    throw error;
  }
};

const planWithCache = (input: PlanOperationInput): PlannedOperation => {
  const entry = entryOf(input);
  const { prepared } = entry;
  const variables = resolveVariables(input.roleSchema.schema, prepared, input.variables ?? {});
  const { operation } = prepared.operation;
  const known = entry.plans.get(shapeKey(entry, variables));
  if (known) {
    return { operation, fields: withArguments(known.fields, variables), reads: known.reads, variables };
  }
  const structural = new Set<string>(entry.structural);
  const fields = planFields(input, prepared, variables, structural);
  if (structural.size !== entry.structural.size) {
    // Another variable turned out to shape the plan: what was kept under the coarser key may be wrong for it.
    entry.structural = structural;
    entry.plans.clear();
  }
  if (entry.plans.size >= PLANS_PER_DOCUMENT) {
    const oldest = entry.plans.keys().next();
    if (!oldest.done) entry.plans.delete(oldest.value);
  }
  const plan = { fields, reads: readsOf(fields) };
  entry.plans.set(shapeKey(entry, variables), plan);
  return { operation, ...plan, variables };
};
