/** Hasura's error belongs to core, as the gateway answers with it too. */
export {
  HasuraError,
  validationFailed,
  type HasuraErrorCode,
  type HasuraErrorOptions,
} from "../core/index.ts";
