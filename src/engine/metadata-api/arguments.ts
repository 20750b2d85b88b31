import { z } from "zod";

import { HasuraError } from "../errors.ts";
import { isEntry, readName } from "./document.ts";

const printPath = (root: string, path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number"
        ? `${text}[${String(part)}]`
        : /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(part))
          ? `${text}.${String(part)}`
          : `${text}['${String(part)}']`,
    root,
  );

/** Arguments that do not have the form of their command, in the words of Hasura's parser. */
export const readArguments = <S extends z.ZodType>(
  schema: S,
  args: unknown,
  root = "$.args",
): z.output<S> => {
  const parsed = schema.safeParse(args);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [...(issue?.path ?? [])];
  let message = issue?.message ?? "invalid arguments";
  if (issue?.code === "invalid_type" && path.length > 0) {
    const key = path.at(-1);
    const owner = path
      .slice(0, -1)
      .reduce<unknown>((value, part) => Reflect.get(Object(value) as object, part), args);
    if (typeof key === "string" && isEntry(owner) && !Object.hasOwn(owner, key)) {
      message = `key "${key}" not found`;
      path.pop();
    }
  } else if (issue?.code === "unrecognized_keys") {
    message = `unknown key "${issue.keys[0] ?? ""}"`;
  }
  throw new HasuraError({ message, code: "parse-failed", path: printPath(root, path) });
};

export const tableName = z
  .union([z.string().min(1), z.strictObject({ schema: z.string().optional(), name: z.string().min(1) })])
  .transform(readName);

export const roleName = z.string().min(1);
export const json = z.unknown().optional();
export const jsonEntry = z.record(z.string(), z.unknown());
export const optionalText = z.string().nullish();
/** Which source a command means; there is one, whatever it is called. */
export const source = z.string().default("default");

/** Hasura's refusals of a command that is well formed. */
export const refuse = (code: string, message: string, internal?: unknown): never => {
  throw new HasuraError({
    message,
    code,
    path: "$.args",
    ...(internal === undefined ? {} : { internal }),
  });
};
