/** Turns the row permissions and presets of the metadata into SQL; session variables are always parameters. */
export {
  compilePermission,
  compilePresets,
  permissionValue,
  type PermissionScope,
  sessionVariableOf,
} from "./compile.ts";
