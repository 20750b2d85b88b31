import { AppError, type Transaction } from "../core/index.ts";
import type { CatalogObject, Description, ObjectKey } from "./catalog-object.ts";
import type { Difference } from "./compare.ts";
import { describeObjects, type DescribeSettings } from "./describe-objects.ts";
import type { Series } from "./manifest.ts";
import { orderParsed } from "./order-sources.ts";
import { parseSource, type Source } from "./parse-source.ts";
import { type Blocked, planScript, type ScriptRequest } from "./plan-script.ts";
import { renderObject } from "./render-object.ts";
import { sqlFolder } from "./source-error.ts";
import { trial } from "./trial.ts";

/** A migration to write. */
export interface Step {
  readonly series: Series;
  readonly up: string;
  readonly down: string;
  readonly differences: readonly Difference[];
}

export interface StepsRequest {
  readonly sources: readonly Source[];
  readonly seriesOf: (key: ObjectKey) => Series;
  readonly seriesOfSource: (source: Source) => Series;
  readonly describe: DescribeSettings;
}

/** The objects as sources, one for each name; `paths` are made up. */
const renderSources = (
  description: Description,
  isWanted: (key: ObjectKey, object: CatalogObject) => boolean,
): readonly Source[] => {
  const texts = new Map<string, string[]>();
  for (const [key, object] of description) {
    if (object.isGenerated || !isWanted(key, object)) continue;
    const path = `${object.schema}/${object.name}`;
    texts.set(path, [...(texts.get(path) ?? []), renderObject(object)]);
  }
  return orderParsed([...texts].map(([path, parts]) => parseSource({ path, text: parts.join("\n\n") })));
};

const asFile = ({ path }: Source): string => `-- ${sqlFolder}/${path}`;
const asObject = ({ schema, name }: Source): string => `-- ${schema}.${name}`;

const blockedError = (description: Description, { by }: Blocked): AppError =>
  new AppError({
    kind: "conflict",
    code: "cannot-drop",
    message: `what must be dropped is needed by ${[...by].map((key) => description.get(key)?.label ?? key).join(", ")}, which this migration may not touch`,
  });

type StepRequest = Pick<ScriptRequest, "sources" | "isManaged" | "describe" | "headline">;

/** The scripts there and back, from the state that the transaction is in and stays in. */
const planStep = async (
  tx: Transaction,
  series: Series,
  request: StepRequest,
): Promise<(Step & { readonly kind: "step" }) | Blocked> => {
  const { isManaged, describe } = request;
  const before = await describeObjects(tx, describe);
  const up = await planScript(tx, request);
  if (up.kind === "blocked") return up;
  const down = await trial(tx, async () => {
    await tx.script(up.script);
    const back = await planScript(tx, {
      sources: renderSources(before, isManaged),
      isManaged,
      describe,
      headline: asObject,
      generatedAs: before,
    });
    if (back.kind === "blocked") throw blockedError(before, back);
    return back.script;
  });
  return { kind: "step", series, up: up.script, down, differences: up.differences };
};

/**
 * The migrations that bring a database to the sources, in order: the product's, then the sample's. Where the product must drop
 * what the sample depends on, the sample lets go of it first. The transaction is left as it was.
 */
export const planSteps = (tx: Transaction, request: StepsRequest): Promise<readonly Step[]> =>
  trial(tx, async () => {
    const { sources, seriesOf, seriesOfSource, describe } = request;
    const steps: Step[] = [];
    const plan = (series: Series, from?: readonly Source[]) =>
      planStep(tx, series, {
        sources: from ?? sources.filter((source) => seriesOfSource(source) === series),
        isManaged: (key) => seriesOf(key) === series,
        describe,
        headline: from === undefined ? asFile : asObject,
      });
    const take = async (step: Awaited<ReturnType<typeof plan>>): Promise<void> => {
      if (step.kind === "blocked") throw blockedError(await describeObjects(tx, describe), step);
      if (step.up === "") return;
      await tx.script(step.up);
      steps.push(step);
    };
    const product = await plan("product");
    if (product.kind === "blocked") {
      const present = await describeObjects(tx, describe);
      const kept = renderSources(present, (key) => seriesOf(key) === "sample" && !product.by.has(key));
      await take(await plan("sample", kept));
    }
    await take(product.kind === "blocked" ? await plan("product") : product);
    await take(await plan("sample"));
    return steps;
  });
