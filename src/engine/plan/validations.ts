import type { ValidateInput } from "../metadata/types.ts";
import type { RoleTable } from "../schema/types.ts";
import type { Variables } from "../sql/builder.ts";
import type { Raw } from "../sql/raw.ts";
import type { SelectedField } from "./collect-fields.ts";
import { type PlanContext, rawOfInput } from "./context.ts";
import { rawOf } from "./input.ts";
import type { InputValidation, InsertNode, InsertRow } from "./types.ts";

const rowJson = (row: InsertRow, variables: Variables): Raw => {
  const fields: [string, Raw][] = [...row.values].map(([name, input]) => [
    name,
    rawOfInput(input, variables),
  ]);
  for (const { name, single, node } of [...row.before, ...row.after]) {
    const rows = node.rows.map((nested) => rowJson(nested, variables));
    fields.push([name, { data: single ? (rows[0] ?? null) : rows }]);
  }
  return Object.fromEntries(fields);
};

/** One call for each table, however many places of a nested insert write to it; presets are not shown. */
export const insertValidations = (root: InsertNode): readonly InputValidation[] => {
  const found = new Map<string, { readonly validation: ValidateInput; readonly rows: InsertRow[] }>();
  const visit = ({ table, rows }: InsertNode): void => {
    const validation = table.insert?.validateInput;
    if (validation !== undefined) {
      const entry = found.get(table.key) ?? { validation, rows: [] };
      entry.rows.push(...rows);
      found.set(table.key, entry);
    }
    for (const row of rows) for (const { node } of [...row.before, ...row.after]) visit(node);
  };
  visit(root);
  return [...found.values()].map(({ validation, rows }) => ({
    validation,
    input: (variables) => rows.map((row) => rowJson(row, variables)),
  }));
};

/** What the client wrote, names included, with the variables of the request in their places. */
const argumentsJson = (
  context: PlanContext,
  field: SelectedField,
  variables: Variables,
): Readonly<Record<string, Raw>> => {
  const scope = { ...context.scope, variables, structural: () => undefined };
  return Object.fromEntries(
    field.args.map((argument) => [argument.name.value, rawOf(scope, argument.value, field.path)]),
  );
};

/** The arguments as the client wrote them; `updates` of an update of many is the list itself. */
export const updateValidations = (
  context: PlanContext,
  table: RoleTable,
  field: SelectedField,
  many = false,
): readonly InputValidation[] => {
  const validation = table.update?.validateInput;
  if (validation === undefined) return [];
  return [
    {
      validation,
      input: (variables) => {
        const given = argumentsJson(context, field, variables);
        // One update may stand for a list of one.
        return many ? [given["updates"] ?? []].flat() : [given];
      },
    },
  ];
};

export const deleteValidations = (
  context: PlanContext,
  table: RoleTable,
  field: SelectedField,
  single: boolean,
): readonly InputValidation[] => {
  const validation = table.delete?.validateInput;
  if (validation === undefined) return [];
  return [
    {
      validation,
      input: (variables) => {
        const given = argumentsJson(context, field, variables);
        return [single ? { pk_columns: given } : given];
      },
    },
  ];
};
