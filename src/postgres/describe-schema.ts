import type { Database } from "../core/index.ts";
import { type DescribedObject, describeColumns, describeObjects } from "./schema-queries.ts";

/** The schemas that this project owns; Hasura's and the runner's own are left out. */
export const describedSchemas: readonly string[] = ["public", "billing", "usage", "analytics"];

const indent = (text: string): string =>
  text
    .split("\n")
    .map((line) => (line.trim() === "" ? "" : `  ${line.trimEnd()}`))
    .join("\n");

const render = ({ kind, name, details }: DescribedObject): string =>
  [`${kind} ${name}`, ...details.filter((detail) => detail !== "").map(indent)].join("\n");

/**
 * Text that is equal exactly when the schemas are: sorted by kind and name, free of ids and of what differs between
 * supported server versions. Reviewed in a diff like any other file.
 */
export const describeSchema = async (
  database: Pick<Database, "transaction">,
  schemas: readonly string[] = describedSchemas,
): Promise<string> =>
  database.transaction(async (tx) => {
    // Rendered names must not depend on the session's search path.
    await tx.script("set local search_path = ''; set local timezone = 'UTC';");
    const columns = await describeColumns(tx, schemas);
    const objects = await describeObjects(tx, schemas, columns);
    return `${objects.map(render).join("\n\n")}\n`;
  });
