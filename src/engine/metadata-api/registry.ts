import type { ChangeCommand } from "./command.ts";
import { actionCommands } from "./commands/actions.ts";
import { collectionCommands } from "./commands/collections.ts";
import { functionCommands } from "./commands/functions.ts";
import { permissionCommands } from "./commands/permissions.ts";
import { relationshipCommands } from "./commands/relationships.ts";
import { settingCommands } from "./commands/settings.ts";
import { tableCommands } from "./commands/tables.ts";
import { triggerCommands } from "./commands/triggers.ts";

const changeCommands: ReadonlyMap<string, ChangeCommand> = new Map(
  Object.entries({
    ...tableCommands,
    ...relationshipCommands,
    ...permissionCommands,
    ...functionCommands,
    ...actionCommands,
    ...triggerCommands,
    ...collectionCommands,
    ...settingCommands,
  }),
);

/** The second version of the API names the kind of database in front: `pg_track_table`; the first one does not. */
export const plainName = (type: string): string => type.replace(/^(pg|postgres)_/, "");

export const changeCommand = (type: string): ChangeCommand | undefined => changeCommands.get(plainName(type));
