import type {
  FunctionMeta,
  Metadata,
  QualifiedName,
  SourceCustomization,
  TableMeta,
  TableRootField,
} from "../metadata/types.ts";
import { isGraphqlName } from "./names.ts";

/** A name that types and root fields are built around. A name given by hand keeps its own case where it stands first. */
export interface BaseName {
  readonly words: readonly string[];
  readonly custom: boolean;
}

const upperFirst = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
const lowerFirst = (word: string): string => word.slice(0, 1).toLowerCase() + word.slice(1);

/** `_is_null` is two words, the first with its underscore. */
const wordsOf = (snake: string): readonly string[] => {
  const [first = "", ...rest] = snake.split("_");
  const [second, ...others] = rest;
  return first === "" && second !== undefined ? [`_${second}`, ...others] : [first, ...rest];
};

const affixes: Readonly<
  Record<TableRootField, { readonly before: string; readonly after: readonly string[] }>
> = {
  select: { before: "", after: [] },
  select_by_pk: { before: "", after: ["by", "pk"] },
  select_aggregate: { before: "", after: ["aggregate"] },
  select_stream: { before: "", after: ["stream"] },
  insert: { before: "insert", after: [] },
  insert_one: { before: "insert", after: ["one"] },
  update: { before: "update", after: [] },
  update_by_pk: { before: "update", after: ["by", "pk"] },
  update_many: { before: "update", after: ["many"] },
  delete: { before: "delete", after: [] },
  delete_by_pk: { before: "delete", after: ["by", "pk"] },
};

/**
 * How names are made: Hasura's two conventions, and the prefixes and suffixes of a source. What the metadata names by
 * hand is never re-cased; relationships and function arguments are not either.
 */
export class Naming {
  readonly #graphql: boolean;
  readonly #customization: SourceCustomization;

  constructor(customization: SourceCustomization) {
    this.#customization = customization;
    this.#graphql = customization.namingConvention === "graphql-default";
  }

  get namespace(): string | undefined {
    return this.#customization.rootFields.namespace;
  }

  /** The type of the field that holds a source's root fields. */
  namespaceType(namespace: string, root: "query" | "mutation_frontend" | "subscription"): string {
    return this.type({ words: [`${namespace}_${root}`], custom: true });
  }

  #base(name: QualifiedName, custom: string | undefined): BaseName {
    if (custom !== undefined) return { words: [custom], custom: true };
    // Schema public is silent, any other stands in front: `usage_alerts`.
    const parts = name.schema === "public" ? [name.name] : [name.schema, name.name];
    return { words: this.#graphql ? parts.flatMap(wordsOf) : parts, custom: false };
  }

  table(meta: TableMeta): BaseName {
    return this.#base(meta.table, meta.customName);
  }

  /** Hasura's filters over aggregates take no prefix and no suffix, and their parts no capital. */
  bareType(base: BaseName, ...words: readonly string[]): string {
    if (!this.#graphql) return [...base.words, ...words].join("_");
    const [first = "", ...rest] = base.words;
    return (base.custom ? first : upperFirst(first)) + [...rest, ...words].map(upperFirst).join("");
  }

  bareName(base: BaseName, ...words: readonly string[]): string {
    return this.#around("", base, words);
  }

  /** A table's type: `authors_bool_exp`, `AuthorsBoolExp`. */
  type(base: BaseName, ...words: readonly string[]): string {
    const { prefix, suffix } = this.#customization.typeNames;
    const name = this.bareType(base, ...words);
    if (!this.#graphql) return `${prefix ?? ""}${name}${suffix ?? ""}`;
    return `${prefix ?? ""}${prefix === undefined ? name : upperFirst(name)}${upperFirst(suffix ?? "")}`;
  }

  /** A type that belongs to no table, such as `order_by` and `String_comparison_exp`. */
  plainType(name: string): string {
    return this.#graphql ? wordsOf(name).map(upperFirst).join("") : name;
  }

  /** A word of Hasura's own: `order_by`, `orderBy`. */
  field(word: string): string {
    if (!this.#graphql) return word;
    const [first = "", ...rest] = wordsOf(word);
    return lowerFirst(first) + rest.map(upperFirst).join("");
  }

  column(meta: TableMeta, column: string): string {
    const custom = meta.columnConfig.get(column)?.customName;
    if (custom !== undefined) return custom;
    const name = this.field(column);
    return isGraphqlName(name) ? name : column;
  }

  aggregate(relationship: string): string {
    return `${relationship}${this.#graphql ? "Aggregate" : "_aggregate"}`;
  }

  enumValue(value: string): string {
    return this.#graphql ? value.toUpperCase() : value;
  }

  #around(before: string, base: BaseName, after: readonly string[]): string {
    const words = before === "" ? [...base.words, ...after] : [before, ...base.words, ...after];
    if (!this.#graphql) return words.join("_");
    const [first = "", ...rest] = words;
    return (before === "" && base.custom ? first : lowerFirst(first)) + rest.map(upperFirst).join("");
  }

  #root(name: string): string {
    const { prefix, suffix } = this.#customization.rootFields;
    if (!this.#graphql) return `${prefix ?? ""}${name}${suffix ?? ""}`;
    return `${prefix ?? ""}${prefix === undefined ? name : upperFirst(name)}${upperFirst(suffix ?? "")}`;
  }

  tableRoot(meta: TableMeta, root: TableRootField): string {
    const { before, after } = affixes[root];
    return this.#root(meta.customRootFields[root]?.name ?? this.#around(before, this.table(meta), after));
  }

  function(meta: FunctionMeta): string {
    return this.#around("", this.#base(meta.function, meta.customName), []);
  }

  functionRoot(meta: FunctionMeta, root: "function" | "function_aggregate"): string {
    const after = root === "function" ? [] : ["aggregate"];
    const name = this.#around("", this.#base(meta.function, meta.customName), after);
    return this.#root(meta.customRootFields[root]?.name ?? name);
  }

  /** The input type of a function's arguments keeps its own case. */
  functionArguments(meta: FunctionMeta): string {
    const { schema, name } = meta.function;
    const own = meta.customName ?? (schema === "public" ? name : `${schema}_${name}`);
    return this.type({ words: [`${own}_args`], custom: true });
  }
}

export const hasuraNaming = new Naming({
  namingConvention: "hasura-default",
  rootFields: {},
  typeNames: {},
});

const namings = new WeakMap<SourceCustomization, Naming>();

/** The naming of the one source. */
export const namingOf = (metadata: Metadata): Naming => {
  const customization = metadata.sources[0]?.customization;
  if (customization === undefined) return hasuraNaming;
  const known = namings.get(customization) ?? new Naming(customization);
  namings.set(customization, known);
  return known;
};
