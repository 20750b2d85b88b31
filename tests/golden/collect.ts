import { join } from "node:path";

import { createActionsApp } from "../../actions/app.ts";
import { idleDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { createGate } from "../../src/domain/gate/index.ts";
import { formatSql, silentLogger, startTestEngine, type TestEngine } from "../../src/testing/index.ts";
import { type GoldenOperation, operations } from "./operations.ts";

export const goldenDir = join("tests", "fixtures", "golden");
const roles = ["admin", "anonymous", "operator", "service", "user", "workspace_admin"];
const secret = "golden";

const start = (database: string | undefined): Promise<TestEngine> =>
  startTestEngine({
    metadata: join("hasura", "metadata"),
    migrations: join("hasura", "migrations"),
    seeds: join("hasura", "seeds"),
    webhooks: ({ database: db, clock }) =>
      createActionsApp({
        database: db,
        delivery: idleDelivery,
        gate: createGate({ database: db, clock }),
        clock,
        logger: silentLogger,
        registry,
        secret,
      }),
    env: { ACTIONS_BASE_URL: "http://actions.test", ACTION_SECRET: secret },
    ...(database === undefined ? {} : { database }),
  });

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

/** Every golden file's path under `goldenDir`, and what must stand in it. `database` is a server to use. */
export const collectGolden = async (database?: string): Promise<ReadonlyMap<string, string>> => {
  const test = await start(database);
  try {
    const files = new Map<string, string>();
    for (const role of roles) files.set(`sdl/${role}.graphql`, `${test.sdl(role).trim()}\n`);
    for (const operation of operations) {
      const { name, role, session, document, variables = {} } = operation;
      const answer = await test.as(role, session).query(document, variables);
      files.set(
        `operations/${name}.md`,
        [
          `# ${name}\n`,
          `As \`${role}\`${Object.entries(session)
            .map(([key, value]) => `, ${key} \`${value}\``)
            .join("")}.\n`,
          fenced("graphql", document.replaceAll(/\n {4}/g, "\n")),
          ...(Object.keys(variables).length === 0
            ? []
            : [fenced("json", JSON.stringify(variables, null, 2))]),
          "## SQL\n",
          statements(test, operation),
          "## Answer\n",
          fenced("json", JSON.stringify(answer, null, 2)),
        ].join("\n"),
      );
      if (/^\s*mutation/.test(document)) await test.reset();
    }
    return files;
  } finally {
    await test.stop();
  }
};
