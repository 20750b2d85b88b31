import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { describe, expect, it } from "@jest/globals";

import { type Metadata, MetadataError, parseMetadata } from "../../../../src/engine/metadata/index.ts";
import { documentWith, hasuraTypes, isChoice, samples } from "./hasura-keys.ts";
import { readKeyTables } from "./support-page.ts";

const projectRoot = new URL("../../../../", import.meta.url);
const page = readKeyTables(readFileSync(new URL("docs/hasura-support.md", projectRoot), "utf8"));

type Outcome = { readonly metadata: Omit<Metadata, "raw"> } | { readonly refused: string };

const outcome = (document: unknown): Outcome => {
  try {
    const { raw: _raw, ...metadata } = parseMetadata(document);
    return { metadata };
  } catch (error) {
    if (error instanceof MetadataError) return { refused: error.message };
    throw error;
  }
};

const accepted = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap((one) => ("metadata" in one ? [one.metadata] : []));
const refusals = (outcomes: readonly Outcome[]) =>
  outcomes.flatMap((one) => ("refused" in one ? [one.refused] : []));

const rows = [...hasuraTypes].flatMap(([type, { keys }]) =>
  [...keys].map(([key, form]) => ({ type, key, form, path: `${type}.${key}` })),
);

describe("every key of Hasura's metadata", () => {
  it("has its verdict in docs/hasura-support.md, and the page names no key that there is not", () => {
    const known = rows.map(({ path }) => path).sort();
    expect([...page.keys.keys()].sort()).toEqual(known);
  });

  it("that is carried out names tests that are there", () => {
    for (const type of new Set(
      [...page.keys.values()].filter((row) => row.verdict === "enforced").map((row) => row.type),
    )) {
      const proofs = page.proofs.get(type) ?? [];
      expect({ type, proofs: proofs.length }).not.toEqual({ type, proofs: 0 });
      for (const proof of proofs)
        expect({ proof, there: existsSync(new URL(proof, projectRoot)) }).toEqual({ proof, there: true });
    }
  });

  it.each(rows)("$path is treated as the page says", ({ type, key, form, path }) => {
    const verdict = page.keys.get(path)?.verdict;
    const outcomes = samples(form).map((value) => outcome(documentWith(type, key, value)));
    for (const message of refusals(outcomes)) expect(message).toContain(key);
    const taken = accepted(outcomes);
    if (verdict === "refused") {
      expect(taken).toEqual([]);
      return;
    }
    expect(taken.length).toBeGreaterThan(0);
    const without = form.endsWith("!") ? [] : accepted([outcome(documentWith(type, key, undefined))]);
    const [first, ...others] = [...without, ...taken];
    const matters = others.some((other) => !isDeepStrictEqual(first, other));
    if (verdict === "enforced" && !matters && isChoice(form)) {
      expect(refusals([outcome(documentWith(type, key, "another"))])).toHaveLength(1);
    } else {
      expect(matters).toBe(verdict === "enforced");
    }
  });

  it.each([...hasuraTypes.keys()])("%s takes no key that Hasura does not know", (type) => {
    const [message] = refusals([outcome(documentWith(type, "not_of_hasura", "x"))]);
    expect(message).toContain("not_of_hasura");
  });
});
