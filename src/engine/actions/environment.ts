import { HasuraError } from "../errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Fills `{{NAME}}`; a name without a value is an error, never an empty text. */
export const fillTemplate = (text: string, environment: Environment): string =>
  text.replaceAll(/\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined) {
      throw new HasuraError({
        message: `Value for environment variables not found: ${name}`,
        code: "not-found",
      });
    }
    return value;
  });

export interface ConfiguredHeader {
  readonly name: string;
  readonly value?: string;
  readonly valueFromEnv?: string;
}

export const configuredHeaders = (
  headers: readonly ConfiguredHeader[],
  environment: Environment,
): Record<string, string> => {
  const result: Record<string, string> = {};
  for (const header of headers) {
    const value =
      header.valueFromEnv === undefined
        ? fillTemplate(header.value ?? "", environment)
        : environment[header.valueFromEnv];
    if (value === undefined) {
      throw new HasuraError({
        message: `environment variable '${header.valueFromEnv ?? ""}' not set`,
        code: "not-found",
      });
    }
    result[header.name.toLowerCase()] = value;
  }
  return result;
};
