import { formatSql, type TestEngine } from "../../src/testing/index.ts";
import { type GoldenOperation } from "./operations.ts";

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text.trim()}\n\`\`\`\n`;

const statements = (test: TestEngine, operation: GoldenOperation): string => {
  const { role, document, variables } = operation;
  let list: ReturnType<TestEngine["explainSql"]>;
  try {
    list = test.explainSql(role, document, variables);
  } catch {
    return "Refused before any statement.\n";
  }
  if (list.length === 0) return "No statement.\n";
  return list
    .map(({ field, sql, parameters }) => {
      const origins = parameters.map((parameter, index) => {
        const origin =
          parameter.from === "value"
            ? JSON.stringify(parameter.value)
            : parameter.from === "session"
              ? parameter.name
              : parameter.from;
        return `$${String(index + 1)} = ${origin}\n`;
      });
      return `${field}\n\n${fenced("sql", formatSql(sql))}${origins.length === 0 ? "" : `\n${fenced("", origins.join(""))}`}`;
    })
    .join("\n");
};

/** The document, its SQL and its answer, as Markdown. What a mutation writes stays in the engine's database. */
export const describeOperation = async (test: TestEngine, operation: GoldenOperation): Promise<string> => {
  const { name, role, session, document, variables = {} } = operation;
  const answer = await test.as(role, session).query(document, variables);
  return [
    `# ${name}\n`,
    `As \`${role}\`${Object.entries(session)
      .map(([key, value]) => `, ${key} \`${value}\``)
      .join("")}.\n`,
    fenced("graphql", document.replaceAll(/\n {4}/g, "\n")),
    ...(Object.keys(variables).length === 0 ? [] : [fenced("json", JSON.stringify(variables, null, 2))]),
    "## SQL\n",
    statements(test, operation),
    "## Answer\n",
    fenced("json", JSON.stringify(answer, null, 2)),
  ].join("\n");
};
