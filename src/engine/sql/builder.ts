import type { Raw } from "./raw.ts";

/** Variables of a request, defaults filled in. */
export type Variables = ReadonlyMap<string, Raw>;

/** Where a positional parameter takes its text from when the statement runs. */
export type Param =
  | { readonly kind: "value"; readonly value: string | null }
  | { readonly kind: "variable"; readonly read: (variables: Variables) => string | null }
  | { readonly kind: "session"; readonly name: string; readonly cast: string }
  | { readonly kind: "session_all" }
  /** Rows that earlier statements of a nested insert wrote, as a JSON list, and how many they were. */
  | { readonly kind: "rows" | "affected" };

export interface Statement {
  readonly text: string;
  readonly params: readonly Param[];
}

/** Collects parameters and hands out aliases while one statement is written. */
export class SqlBuilder {
  readonly params: Param[] = [];
  readonly #session = new Map<string, number>();
  #aliases = 0;

  /** The placeholder of a new parameter. */
  bind(param: Param): string {
    if (param.kind === "session") {
      // Postgres takes a parameter's type from its cast, so one parameter cannot serve two casts.
      const key = `${param.name} ${param.cast}`;
      const known = this.#session.get(key);
      if (known !== undefined) return `$${String(known)}`;
      this.#session.set(key, this.params.length + 1);
    }
    this.params.push(param);
    return `$${String(this.params.length)}`;
  }

  /** A quoted alias; its dot cannot occur in a GraphQL name, so it never meets a response key or a column. */
  alias(prefix: string): string {
    this.#aliases += 1;
    return `"${prefix}.${String(this.#aliases)}"`;
  }

  statement(text: string): Statement {
    return { text, params: this.params };
  }
}
