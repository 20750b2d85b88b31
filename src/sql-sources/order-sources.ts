import { AppError } from "../core/index.ts";
import { parseSource, type Source, type SourceFile } from "./parse-source.ts";
import type { Reference, ReferenceStrength } from "./references.ts";
import { placeText } from "./source-error.ts";
import { components } from "./strong-components.ts";
import { loadParser } from "./syntax-tree.ts";

/** From the weakest: where references form a circle, the weakest of them are left out. */
const strengths: readonly ReferenceStrength[] = ["called", "declared", "needed"];

type Edges = ReadonlyMap<Source, ReadonlyMap<Source, number>>;

const keyOf = (to: Reference["to"], schema: string, name: string): string =>
  JSON.stringify([to, schema, name]);

const creatorsOf = (sources: readonly Source[]): ReadonlyMap<string, readonly Source[]> => {
  const creators = new Map<string, Source[]>();
  for (const source of sources) {
    for (const { defines } of source.statements) {
      if (defines === undefined || defines.kind === "trigger") continue;
      const to = defines.kind === "view" ? "relation" : "routine";
      const key = keyOf(to, defines.schema, defines.name);
      creators.set(key, [...(creators.get(key) ?? []), source]);
    }
  }
  return creators;
};

/** For each source the sources it refers to, with the strongest of the references. */
const edgesOf = (sources: readonly Source[]): Edges => {
  const creators = creatorsOf(sources);
  return new Map(
    sources.map((source) => {
      const targets = new Map<Source, number>();
      for (const { to, schema, name, strength } of source.references) {
        for (const target of creators.get(keyOf(to, schema, name)) ?? []) {
          if (target === source) continue;
          targets.set(target, Math.max(targets.get(target) ?? 0, strengths.indexOf(strength)));
        }
      }
      return [source, targets];
    }),
  );
};

const order = (sources: readonly Source[], edges: Edges, weakest: number): readonly Source[] => {
  const among = new Set(sources);
  const targets = (source: Source): readonly Source[] =>
    [...(edges.get(source) ?? [])]
      .filter(([target, strength]) => strength >= weakest && among.has(target))
      .map(([target]) => target)
      .sort(byPath);
  return components(sources, targets).flatMap((circle) => {
    if (circle.length === 1) return circle;
    if (weakest + 1 < strengths.length) return order([...circle].sort(byPath), edges, weakest + 1);
    throw new AppError({
      kind: "invalid-input",
      code: "circular-sources",
      message: `these sources need each other before they can be created: ${circle.map(placeText).join(", ")}`,
    });
  });
};

const byPath = (left: Source, right: Source): number =>
  left.path < right.path ? -1 : left.path > right.path ? 1 : 0;

/** The sources in an order in which each can be created, and a callee stands before its caller where no circle forbids it. */
export const orderParsed = (sources: readonly Source[]): readonly Source[] =>
  order([...sources].sort(byPath), edgesOf(sources), 0);

/** Throws `invalid-source` with file and line. */
export const parseSources = async (files: readonly SourceFile[]): Promise<readonly Source[]> => {
  await loadParser();
  return files.map(parseSource);
};

/**
 * Parses the files and puts what each refers to before it; files that do not need each other stay in the order of their
 * paths. Throws `invalid-source` with file and line, or `circular-sources`.
 */
export const orderSources = async (files: readonly SourceFile[]): Promise<readonly Source[]> =>
  orderParsed(await parseSources(files));
