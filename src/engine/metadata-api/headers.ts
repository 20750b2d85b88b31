import { HasuraError } from "../errors.ts";
import { entriesOf } from "./document.ts";

/** The server's own settings must not leave it through a header: that would hand out its secrets. */
export const checkHeaders = (headers: unknown, path: string): void => {
  for (const [index, header] of entriesOf(headers).entries()) {
    const name = header["value_from_env"];
    if (typeof name === "string" && name.startsWith("HASURA_GRAPHQL_")) {
      throw new HasuraError({
        message: `env variables starting with "HASURA_GRAPHQL_" are not allowed in value_from_env: ${name}`,
        code: "parse-failed",
        path: `${path}[${String(index)}]`,
      });
    }
  }
};
