import { HasuraError } from "../errors.ts";
import type { RoleFunction } from "../schema/types.ts";
import { ident, qualified } from "../sql/quote.ts";
import { bindValue, fieldsOf, type PlanContext } from "./context.ts";
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

/** The call of a tracked function as a row source; arguments by name, so that defaults in between can be left out. */
export const functionCall = (context: PlanContext, fn: RoleFunction, args: Arguments): string => {
  const given = fieldsOf(args.get("args"));
  const parts: string[] = [];
  let skipped = false;
  fn.info.args.forEach((argument, index) => {
    const label = argument.name === null || argument.name === "" ? undefined : argument.name;
    const prefix = skipped && label !== undefined ? `${ident(label)} => ` : "";
    if (label !== undefined && label === fn.meta.sessionArgument) {
      parts.push(`${prefix}${context.builder.bind({ kind: "session_all" })}::${argument.sqlType}`);
      return;
    }
    const input = given.get(label ?? `arg_${String(index + 1)}`);
    if (!input) {
      if (!argument.hasDefault) {
        throw new HasuraError({
          message: `Non-default argument '${label ?? String(index + 1)}' is missing`,
          code: "validation-failed",
          path: "$",
        });
      }
      skipped = true;
      return;
    }
    parts.push(`${prefix}${bindValue(context, input, argument.type)}::${argument.sqlType}`);
  });
  return `${qualified(fn.info)}(${parts.join(", ")})`;
};
