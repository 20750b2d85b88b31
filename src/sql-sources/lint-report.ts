import type { LintFinding } from "./lint-routines.ts";
import type { SourceFile } from "./parse-source.ts";
import { placeText } from "./source-error.ts";

const linesIn = (text: string): number => text.split("\n").length;

const isSourceOf =
  ({ schema, name, body }: LintFinding) =>
  ({ path, text }: SourceFile): boolean =>
    path.startsWith(`${schema}/`) && path.endsWith(`/${name}.sql`) && text.includes(body);

const placeOf = (finding: LintFinding, files: readonly SourceFile[]): string => {
  const { routine, body, line } = finding;
  const file = files.find(isSourceOf(finding));
  if (file === undefined) return line === null ? routine : `${routine} line ${String(line)}`;
  const { path, text } = file;
  if (line === null) return placeText({ path });
  const first = linesIn(text.slice(0, text.indexOf(body)));
  return placeText({ path, line: first + line - 1 });
};

/** One line a finding: the place in its source, or in the body of a routine without one; the level; what is wrong. */
export const lintReport = (
  findings: readonly LintFinding[],
  files: readonly SourceFile[],
): readonly string[] =>
  findings.map((finding) => {
    const { table, level, message, detail } = finding;
    const on = table === null ? "" : ` (trigger on ${table})`;
    return `${placeOf(finding, files)}: ${level}: ${message}${detail === null ? "" : `: ${detail}`}${on}`;
  });
