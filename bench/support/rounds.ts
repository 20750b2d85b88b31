import { median } from "./statistics.ts";

export interface Variant<S> {
  readonly name: string;
  /** One measurement of about the same length for each variant. */
  readonly measure: () => Promise<S>;
}

export interface Rounds<S> {
  /** Samples of a variant, one a round. */
  samples(name: string): readonly S[];
  median(name: string, figure: (sample: S) => number): number;
  /** Median over the rounds of this variant's figure by the other's in the same round: drift of the machine cancels out. */
  ratio(name: string, to: string, figure: (sample: S) => number): number;
}

export interface RoundOptions {
  readonly rounds: number;
  /** Measurements thrown away first, so that caches and compilers are warm. */
  readonly warmUps?: number;
  readonly onRound?: (round: number) => void;
}

/** Measures all variants in turn, round after round, each second round backwards, as neighbours share the machine's mood. */
export const interleave = async <S>(
  variants: readonly Variant<S>[],
  options: RoundOptions,
): Promise<Rounds<S>> => {
  const samples = new Map<string, S[]>(variants.map((variant) => [variant.name, []]));
  const of = (name: string): S[] => {
    const found = samples.get(name);
    if (found === undefined) throw new Error(`no variant ${name}`);
    return found;
  };
  for (let warmUp = 0; warmUp < (options.warmUps ?? 1); warmUp += 1) {
    for (const variant of variants) await variant.measure();
  }
  for (let round = 0; round < options.rounds; round += 1) {
    options.onRound?.(round + 1);
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      of(variant.name).push(await variant.measure());
    }
  }
  return {
    samples: of,
    median: (name, figure) => median(of(name).map(figure)),
    ratio: (name, to, figure) => {
      const others = of(to).map(figure);
      return median(of(name).map((sample, round) => figure(sample) / (others[round] ?? Number.NaN)));
    },
  };
};
