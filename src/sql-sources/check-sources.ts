import { AppError } from "../core/index.ts";
import type { Definition, Source, SourceStatement } from "./parse-source.ts";
import { placeText } from "./source-error.ts";

const nameOf = (definition: Definition): readonly string[] =>
  definition.kind === "trigger" ? [...definition.on, definition.name] : [definition.schema, definition.name];

const wrongDefinition = (source: Source, definition: Definition): string | undefined => {
  const expected = `${source.schema}.${source.name}`;
  if (definition.kind === "trigger") {
    const { name, on, calls } = definition;
    // A trigger of one series that calls a function of the other has a file of its own.
    if ([calls.join("."), `${on[0]}.${name}`].includes(expected)) return undefined;
    return `trigger ${name} calls ${calls.join(".")}: move it to the file of that function, or to ${on[0]}/<topic>/${name}.sql`;
  }
  const found = nameOf(definition).join(".");
  return found === expected ? undefined : `defines ${found}, but its path says ${expected}`;
};

const wrongConcern = (source: Source, { concerns }: SourceStatement): string | undefined => {
  const own = new Set(
    source.statements.flatMap(({ defines }) => (defines === undefined ? [] : [nameOf(defines).join(".")])),
  );
  const other = concerns.map((names) => names.join(".")).find((name) => !own.has(name));
  return other === undefined ? undefined : `is about ${other}, which it does not define`;
};

const problemsOf = (source: Source): readonly string[] => {
  const { path, statements } = source;
  if (path.split("/").length < 3) return [`${placeText({ path })}: move it to <schema>/<topic>/<name>.sql`];
  const found = statements.flatMap((statement) => {
    const { line, defines } = statement;
    const problem =
      defines === undefined ? wrongConcern(source, statement) : wrongDefinition(source, defines);
    return problem === undefined ? [] : [`${placeText({ path, line })}: ${problem}`];
  });
  const isEmpty = statements.every(({ defines }) => defines === undefined);
  return isEmpty ? [`${placeText({ path })}: defines nothing`] : found;
};

const duplicatesOf = (sources: readonly Source[]): readonly string[] => {
  const paths = new Map<string, string>();
  return sources.flatMap((source) => {
    const { path } = source;
    const kinds = new Set(
      source.statements.flatMap(({ defines }) => (defines === undefined ? [] : [defines.kind])),
    );
    return [...kinds]
      .filter((kind) => kind !== "trigger")
      .flatMap((kind) => {
        const name = `${kind} ${source.schema}.${source.name}`;
        const first = paths.get(name);
        paths.set(name, path);
        return first === undefined
          ? []
          : [`${placeText({ path })}: ${placeText({ path: first })} is the file of ${name} already`];
      });
  });
};

/** Throws `invalid-source`, naming each file that holds something else than its path says. */
export const checkSources = (sources: readonly Source[]): void => {
  const problems = [...sources.flatMap(problemsOf), ...duplicatesOf(sources)];
  if (problems.length === 0) return;
  throw new AppError({ kind: "invalid-input", code: "invalid-source", message: problems.join("\n") });
};
