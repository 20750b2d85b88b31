import type { Queryable } from "../../core/index.ts";
import { isRawList, isRawObject, type Raw, rawToJson } from "../json/index.ts";
import type { ActionSelection } from "../plan/index.ts";
import { runStatement, type StatementContext } from "./statement.ts";

type Joined = ReadonlyMap<ActionSelection, readonly (string | null)[]>;

const member = (value: Readonly<Record<string, Raw>>, name: string): Raw =>
  Object.hasOwn(value, name) ? (value[name] ?? null) : null;

/** The objects that each relationship hangs on, in the order in which the answer will be written. */
const collectParents = (
  value: Raw,
  selection: readonly ActionSelection[] | null,
  into: Map<ActionSelection, Raw[]>,
): void => {
  if (selection === null) return;
  if (isRawList(value)) {
    for (const item of value) collectParents(item, selection, into);
    return;
  }
  if (!isRawObject(value)) return;
  for (const field of selection) {
    if (field.join === undefined) {
      collectParents(member(value, field.name), field.selection, into);
      continue;
    }
    const known = into.get(field);
    if (known === undefined) into.set(field, [value]);
    else known.push(value);
  }
};

const write = (
  value: Raw,
  selection: readonly ActionSelection[] | null,
  next: (field: ActionSelection) => string,
): string => {
  if (selection === null) return rawToJson(value);
  if (isRawList(value)) return `[${value.map((item) => write(item, selection, next)).join(",")}]`;
  if (!isRawObject(value)) return rawToJson(value);
  const fields = selection.map((field) => {
    const text =
      field.typename !== undefined
        ? JSON.stringify(field.typename)
        : field.join === undefined
          ? write(member(value, field.name), field.selection, next)
          : next(field);
    return `${JSON.stringify(field.key)}:${text}`;
  });
  return `{${fields.join(",")}}`;
};

/**
 * The JSON text of what the client selected of an output, under its aliases and in its order; a missing nullable field is
 * null. Tables that hang on it are read with one statement for each relationship, however many objects have it.
 */
export const actionOutput = async (
  db: Queryable,
  context: StatementContext,
  value: Raw,
  selection: readonly ActionSelection[] | null,
): Promise<string> => {
  const parents = new Map<ActionSelection, Raw[]>();
  collectParents(value, selection, parents);
  const joined: Joined = new Map(
    await Promise.all(
      [...parents].map(
        async ([field, objects]): Promise<readonly [ActionSelection, readonly (string | null)[]]> => {
          if (field.join === undefined) return [field, []];
          const rows = { json: rawToJson(objects), count: objects.length };
          const answers = await runStatement<{ readonly root: string | null }>(
            db,
            field.join.statement,
            { ...context, rows },
            field.join.errorPath,
          );
          return [field, answers.map((row) => row.root)];
        },
      ),
    ),
  );
  const written = new Map<ActionSelection, number>();
  return write(value, selection, (field) => {
    const index = written.get(field) ?? 0;
    written.set(field, index + 1);
    return joined.get(field)?.[index] ?? "null";
  });
};
