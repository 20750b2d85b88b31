import type { FunctionInfo } from "../catalog/types.ts";
import { HasuraError } from "../errors.ts";
import { argumentNames } from "../schema/function-arguments.ts";
import type { ResolvedComputedField, RoleFunction, RoleTable } from "../schema/types.ts";
import { ident, qualified } from "../sql/quote.ts";
import { bindValue, fieldsOf, type PlanContext } from "./context.ts";
import type { Input } from "./input.ts";
import type { Arguments } from "./select.ts";

export const functionOf = (context: PlanContext, key: string): RoleFunction => {
  const found = context.schema.functions.get(key);
  if (!found)
    throw new HasuraError({
      message: "inconsistent metadata",
      code: "unexpected",
      internal: { function: key },
    });
  return found;
};

interface Call {
  readonly info: FunctionInfo;
  readonly sessionArgument: string | undefined;
  /** SQL of the argument at a position, where it is not the client's to give. */
  readonly fixed: ReadonlyMap<number, string>;
}

/** A call with arguments in order; those behind a gap of defaults go by name, as in Hasura. */
const callOf = (context: PlanContext, call: Call, args: Input | undefined, path: string): string => {
  const given = fieldsOf(args);
  const names = argumentNames(call.info.args, (argument, index) => {
    const isSession = argument.name !== null && argument.name === call.sessionArgument;
    return isSession || call.fixed.has(index);
  });
  const refuse = (message: string): never => {
    throw new HasuraError({ message, code: "not-supported", path });
  };
  const parts: string[] = [];
  let gap = false;
  for (const [index, argument] of call.info.args.entries()) {
    const name = names[index];
    const fixed = call.fixed.get(index);
    const input = name === undefined ? undefined : given.get(name);
    if (name !== undefined && input === undefined) {
      if (!argument.hasDefault) refuse("Non default arguments cannot be omitted");
      gap = true;
      continue;
    }
    if (gap && argument.name === null) refuse("Only last set of positional arguments can be omitted");
    const label = gap && argument.name !== null ? `${ident(argument.name)} => ` : "";
    if (fixed !== undefined) parts.push(`${label}${fixed}`);
    else if (input === undefined) {
      parts.push(`${label}${context.builder.bind({ kind: "session_all" })}::${argument.sqlType}`);
    } else parts.push(`${label}${bindValue(context, input, argument.type)}::${argument.sqlType}`);
  }
  return `${qualified(call.info)}(${parts.join(", ")})`;
};

/** The call of a tracked function as a row source. */
export const functionCall = (context: PlanContext, fn: RoleFunction, args: Arguments, path: string): string =>
  callOf(
    context,
    { info: fn.info, sessionArgument: fn.meta.sessionArgument, fixed: new Map() },
    args.get("args"),
    `${path}.args.args`,
  );

/**
 * The row behind `alias` as a value of the table's type: the aliases of base rows also carry sort keys and checks, which
 * a whole-row reference would hand to the function too.
 */
export const rowValue = (table: RoleTable, alias: string): string =>
  `row(${[...table.info.columns.keys()].map((name) => `${alias}.${ident(name)}`).join(", ")})::${qualified(table.info)}`;

/** The call of a computed field over the row `alias`. */
export const computedFieldCall = (
  context: PlanContext,
  table: RoleTable,
  computed: ResolvedComputedField,
  alias: string,
  args?: Input,
  path = "$",
): string =>
  callOf(
    context,
    {
      info: computed.info,
      sessionArgument: computed.meta.sessionArgument,
      fixed: new Map([[computed.rowArgument, rowValue(table, alias)]]),
    },
    args,
    `${path}.args.args`,
  );
