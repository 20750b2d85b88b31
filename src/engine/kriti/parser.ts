import { NumberLiteral } from "../json/index.ts";
import type { Access, BinaryOperator, Expression } from "./ast.ts";
import { KritiError, type Span } from "./errors.ts";
import { tokenize, type Token } from "./lexer.ts";

const keywords: ReadonlySet<string> = new Set(["if", "elif", "else", "end", "range", "in"]);

/** Operators from the loosest to the tightest. */
const levels: readonly (readonly BinaryOperator[])[] = [
  ["??"],
  ["||"],
  ["&&"],
  ["==", "!=", "in"],
  ["<=", ">=", "<", ">"],
];

const join = (from: Span, to: Span): Span => ({
  startLine: from.startLine,
  startColumn: from.startColumn,
  endLine: to.endLine,
  endColumn: to.endColumn,
});

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  document(): Expression {
    const value = this.#expression();
    if (this.#peek().kind !== "end") this.#unexpected();
    return value;
  }

  #peek(ahead = 0): Token {
    const token = this.#tokens[this.#next + ahead] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error("a token list ends with a token");
    return token;
  }

  #advance(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #unexpected(): never {
    const token = this.#peek();
    const message =
      token.kind === "end" ? "Unexpected end of the template" : `Unexpected token "${token.text}"`;
    throw new KritiError("Parse Error", message, token.span);
  }

  #is(text: string, kind: Token["kind"] = "symbol", ahead = 0): boolean {
    const token = this.#peek(ahead);
    return token.kind === kind && token.text === text;
  }

  #expect(text: string, kind: Token["kind"] = "symbol"): Token {
    if (!this.#is(text, kind)) this.#unexpected();
    return this.#advance();
  }

  #name(): Token {
    const token = this.#peek();
    if (token.kind !== "name" || keywords.has(token.text)) this.#unexpected();
    return this.#advance();
  }

  #operator(level: readonly BinaryOperator[]): BinaryOperator | undefined {
    return level.find((operator) => this.#is(operator, operator === "in" ? "name" : "symbol"));
  }

  #expression(level = 0): Expression {
    const operators = levels[level];
    if (operators === undefined) return this.#primary();
    let left = this.#expression(level + 1);
    for (;;) {
      const operator = this.#operator(operators);
      if (operator === undefined) return left;
      this.#advance();
      const right = this.#expression(level + 1);
      left = { kind: "binary", operator, left, right, span: join(left.span, right.span) };
    }
  }

  #primary(): Expression {
    const token = this.#peek();
    if (token.kind === "quote") return this.#text();
    if (token.kind === "number") return this.#number();
    if (token.kind === "name") return this.#named();
    if (this.#is("{{")) return this.#template();
    if (this.#is("[")) return this.#list();
    if (this.#is("{")) return this.#object();
    if (this.#is("(")) {
      this.#advance();
      const inner = this.#expression();
      this.#expect(")");
      return this.#steps(inner);
    }
    return this.#unexpected();
  }

  #number(): Expression {
    const { text, span } = this.#advance();
    const value = Number(text);
    return { kind: "literal", value: String(value) === text ? value : new NumberLiteral(text), span };
  }

  #text(): Expression {
    const begin = this.#advance();
    const parts: Expression[] = [];
    while (this.#peek().kind !== "quote") {
      const token = this.#peek();
      if (token.kind === "text") {
        this.#advance();
        parts.push({ kind: "literal", value: token.text, span: token.span });
      } else if (this.#is("{{")) {
        this.#advance();
        parts.push(this.#expression());
        this.#expect("}}");
      } else {
        this.#unexpected();
      }
    }
    return { kind: "text", parts, span: join(begin.span, this.#advance().span) };
  }

  #list(): Expression {
    const begin = this.#advance();
    const items: Expression[] = [];
    if (!this.#is("]")) {
      items.push(this.#expression());
      while (this.#is(",")) {
        this.#advance();
        items.push(this.#expression());
      }
    }
    return { kind: "list", items, span: join(begin.span, this.#expect("]").span) };
  }

  #key(): string {
    this.#expect('"', "quote");
    let key = "";
    while (this.#peek().kind === "text") key += this.#advance().text;
    this.#expect('"', "quote");
    return key;
  }

  #object(): Expression {
    const begin = this.#advance();
    const fields: (readonly [string, Expression])[] = [];
    const field = (): void => {
      const key = this.#key();
      this.#expect(":");
      fields.push([key, this.#expression()]);
    };
    if (!this.#is("}")) {
      field();
      while (this.#is(",")) {
        this.#advance();
        field();
      }
    }
    return { kind: "object", fields, span: join(begin.span, this.#expect("}").span) };
  }

  /** A word: a constant, a function in front of its argument, or the head of a path. */
  #named(): Expression {
    const token = this.#name();
    const { text, span } = token;
    if (text === "true" || text === "false") return { kind: "literal", value: text === "true", span };
    if (text === "null") return { kind: "literal", value: null, span };
    if (this.#beginsArgument(token)) {
      const argument = this.#is("(") ? this.#parenthesised() : this.#primary();
      return this.#steps({ kind: "call", name: text, argument, span: join(span, argument.span) });
    }
    return this.#steps({ kind: "path", variable: text, steps: [], span });
  }

  #parenthesised(): Expression {
    this.#expect("(");
    const inner = this.#expression();
    this.#expect(")");
    return inner;
  }

  #beginsArgument(before: Token): boolean {
    const token = this.#peek();
    if (token.kind === "quote" || token.kind === "number") return true;
    if (token.kind === "name") return !keywords.has(token.text);
    if (token.kind !== "symbol") return false;
    // `not [1]` is a list behind a function, `x[1]` an element.
    if (token.text === "[") return token.start > before.stop;
    return token.text === "(" || token.text === "{";
  }

  #steps(head: Expression): Expression {
    const steps: Access[] = [];
    let optional = false;
    for (;;) {
      const begin = this.#peek();
      if (this.#is(".") || this.#is("?.")) {
        optional = this.#advance().text === "?." || optional;
        const name = this.#peek();
        if (name.kind !== "name") this.#unexpected();
        this.#advance();
        steps.push({ step: name.text, optional, span: join(begin.span, name.span) });
      } else if (this.#is("[") || this.#is("?[")) {
        optional = this.#advance().text === "?[" || optional;
        const token = this.#advance();
        const step = token.kind === "number" ? Number(token.text) : token.text;
        if (token.kind !== "text" && !(token.kind === "number" && Number.isInteger(step))) {
          this.#next -= 1;
          this.#unexpected();
        }
        steps.push({ step, optional, span: join(begin.span, this.#expect("]").span) });
      } else {
        break;
      }
    }
    if (steps.length === 0) return head;
    const span = join(head.span, steps.at(-1)?.span ?? head.span);
    if (head.kind === "path") return { ...head, steps: [...head.steps, ...steps], span };
    throw new KritiError("Parse Error", 'Unexpected token "."', steps[0]?.span ?? span);
  }

  /** `{{ … }}` where JSON expects a value. */
  #template(): Expression {
    const begin = this.#advance();
    if (this.#is("if", "name")) return this.#if(begin);
    if (this.#is("range", "name")) return this.#range(begin);
    const value = this.#expression();
    return { ...value, span: join(begin.span, this.#expect("}}").span) };
  }

  #if(begin: Token): Expression {
    const branches: { when: Expression; then: Expression }[] = [];
    do {
      this.#advance();
      const when = this.#expression();
      this.#expect("}}");
      branches.push({ when, then: this.#expression() });
      this.#expect("{{");
    } while (this.#is("elif", "name"));
    this.#expect("else", "name");
    this.#expect("}}");
    const otherwise = this.#expression();
    return { kind: "if", branches, otherwise, span: join(begin.span, this.#end().span) };
  }

  #range(begin: Token): Expression {
    this.#advance();
    const index = this.#is("_") ? (this.#advance(), null) : this.#name().text;
    this.#expect(",");
    const item = this.#name().text;
    this.#expect(":=");
    const over = this.#expression();
    this.#expect("}}");
    const body = this.#expression();
    return { kind: "range", index, item, over, body, span: join(begin.span, this.#end().span) };
  }

  #end(): Token {
    this.#expect("{{");
    this.#expect("end", "name");
    return this.#expect("}}");
  }
}

/** Reads a template; throws a KritiError that names the place. */
export const parseTemplate = (source: string): Expression => new Parser(tokenize(source)).document();
