export type Verdict = "enforced" | "harmless" | "refused";

interface Row {
  readonly type: string;
  readonly verdict: Verdict;
}

export interface SupportPage {
  /** By `Type.key`. */
  readonly keys: ReadonlyMap<string, Row>;
  /** The tests that a section names. */
  readonly proofs: ReadonlyMap<string, readonly string[]>;
}

const verdicts: readonly string[] = ["enforced", "harmless", "refused"];

const section = (text: string, title: string): string => {
  const [, after] = text.split(`\n## ${title}\n`);
  if (after === undefined) throw new Error(`no section "${title}"`);
  return after.split("\n## ")[0] ?? "";
};

/** The rows of a Markdown table whose first cell is a name in backticks and whose second is a verdict. */
const rowsOf = (text: string): readonly (readonly [string, Verdict])[] =>
  [...text.matchAll(/^\| `([^`]+)` +\| (\w+) +\|/gm)].map(([line, name = "", verdict = ""]) => {
    if (!verdicts.includes(verdict)) throw new Error(`no verdict: ${line}`);
    return [name, verdict as Verdict];
  });

export const readKeyTables = (text: string): SupportPage => {
  const keys = new Map<string, Row>();
  const proofs = new Map<string, readonly string[]>();
  for (const part of section(text, "Every key").split("\n### ").slice(1)) {
    const type = part.slice(0, part.indexOf("\n")).trim();
    proofs.set(
      type,
      [...part.matchAll(/`(tests\/[^`]+)`/g)].map(([, path = ""]) => path),
    );
    for (const [key, verdict] of rowsOf(part)) keys.set(`${type}.${key}`, { type, verdict });
  }
  return { keys, proofs };
};

/** Settings by name. */
export const readSettingTable = (text: string): ReadonlyMap<string, Verdict> =>
  new Map(rowsOf(section(text, "Every setting")));
