import type { Param, Statement } from "./builder.ts";
import { replacePlaceholders } from "./placeholders.ts";
import { ident } from "./quote.ts";

export const combinedColumn = (index: number): string => `r${String(index)}`;

/**
 * Statements of one value each as one statement of one row, so that a query of several root fields takes one round trip and
 * sees one snapshot. Session variables they share become one parameter.
 */
export const combineStatements = (statements: readonly Statement[]): Statement => {
  const params: Param[] = [];
  const session = new Map<string, number>();
  const place = (param: Param | undefined): number => {
    if (param === undefined) throw new Error("a statement names a parameter that it does not have");
    if (param.kind !== "session") return params.push(param);
    const key = `${param.name} ${param.cast}`;
    const known = session.get(key) ?? params.push(param);
    session.set(key, known);
    return known;
  };
  const parts = statements.map((statement, index) => {
    const places = new Map<number, number>();
    const text = replacePlaceholders(statement.text, (number) => {
      const at = places.get(number) ?? place(statement.params[number - 1]);
      places.set(number, at);
      return `$${String(at)}`;
    });
    return `(\n${text}\n) as ${ident(combinedColumn(index))}`;
  });
  return { text: `select ${parts.join(", ")}`, params };
};
