import { parse, visit } from "graphql";

import { mark } from "./values.ts";

export interface AnsweredError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly internal?: unknown };
}

/** Hasura gives the faults of webhooks the code of its own. */
const webhookWords = [
  "not a valid json response from webhook",
  "expecting object with 'message' in the webhook response",
  "for the action webhook response",
  "expecting array for the action webhook response",
  "expected in webhook response, but not found",
  "expecting not null value for field",
];

/** What Postgres says when the statement was wrong, not a value in it. */
const sqlWords =
  /syntax error at|does not exist$|does not exist \(|operator is not unique|could not determine|cannot cast|bind message|prepared statement|\bhdb_catalog\b|\bselect\b.*\bfrom\b|stack depth|canceling statement/i;

const webhookRefusal = "refused by the webhook";

/** What is wrong with one error of an answer; undefined when it may be shown to this role. */
export const brokenError = (error: AnsweredError, role: string): string | undefined => {
  const { message, extensions } = error;
  if (typeof message !== "string" || message === "") return "an error without a message";
  if (message === webhookRefusal) return undefined;
  if (extensions === undefined || typeof extensions.code !== "string") return "an error without a code";
  if (extensions.internal !== undefined && role !== "admin") return "internals shown to a role";
  // Hasura's words for rows nested into a view that takes none; no statement was sent.
  if (JSON.stringify(extensions.internal ?? "").includes("is not insertable")) return undefined;
  if (extensions.code === "postgres-error" || message === "database query error") return "an error of SQL";
  // With a database that is there: sessions that were not given back.
  if (extensions.code === "database-unavailable") return "no session of the database";
  if (extensions.code === "unexpected" && !webhookWords.some((words) => message.includes(words))) {
    return "an error that is the engine's own";
  }
  // A value of the client may stand in quotes in a message; what it says is not the server's.
  if (sqlWords.test(message.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "…"))) return "words of SQL";
  return undefined;
};

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface JudgedAnswer {
  readonly problems: readonly string[];
  readonly outcomes: readonly ("ok" | "refused")[];
}

const judgeOne = (answer: unknown, role: string): JudgedAnswer => {
  if (typeof answer !== "object" || answer === null)
    return { problems: ["an answer that is no object"], outcomes: [] };
  const { data, errors } = answer as { readonly data?: unknown; readonly errors?: readonly AnsweredError[] };
  if (errors === undefined) {
    return data === undefined || data === null
      ? { problems: ["an answer with neither data nor errors"], outcomes: [] }
      : { problems: [], outcomes: ["ok"] };
  }
  if (!Array.isArray(errors) || errors.length === 0)
    return { problems: ["errors that are no list"], outcomes: [] };
  const problems = errors.flatMap((error: AnsweredError) => {
    const problem = brokenError(error, role);
    return problem === undefined ? [] : [`${problem}: ${JSON.stringify(error)}`];
  });
  return { problems, outcomes: ["refused"] };
};

/** Whether this is what a Hasura may answer over HTTP, whatever it was sent. */
export const judgeAnswer = ({ status, text }: Answer, role: string): JudgedAnswer => {
  if (status !== 200) return { problems: [`status ${String(status)}: ${text.slice(0, 500)}`], outcomes: [] };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problems: [`the answer is no JSON: ${text.slice(0, 500)}`], outcomes: [] };
  }
  const judged = (Array.isArray(value) ? value : [value]).map((item) => judgeOne(item, role));
  return {
    problems: judged.flatMap((item) => item.problems),
    outcomes: judged.flatMap((item) => item.outcomes),
  };
};

/** Damage can turn a value into a name, and names stand in statements: as aliases of the answer. */
export const hasMarkedName = (query: string): boolean => {
  let found = false;
  try {
    visit(parse(query, { noLocation: true }), {
      Name: ({ value }) => {
        found ||= value.toLowerCase().includes(mark);
      },
    });
  } catch {
    return false;
  }
  return found;
};
