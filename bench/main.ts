import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { type Bench, printReport, readMachine, roundRow } from "./support/index.ts";

const folder = dirname(fileURLToPath(import.meta.url));

const names = (): readonly string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && file !== "main.ts")
    .map((file) => file.slice(0, -".ts".length))
    .sort();

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const asJson = words.includes("--json");
  const [name, ...args] = words.filter((word) => word !== "--json");
  const file = join(folder, `${name ?? ""}.ts`);
  if (name === undefined || !names().includes(name) || !existsSync(file)) {
    throw new Error(`usage: npm run bench -- <name> [--json], where <name> is one of ${names().join(", ")}`);
  }
  const machine = readMachine();
  const bench = (await import(pathToFileURL(file).href)) as Bench;
  const report = await bench.run({ log: (line) => console.error(line), args });
  const facts = { ...machine, ...report.machine };
  const rows = report.rows.map(roundRow);
  if (asJson) console.log(JSON.stringify({ name, machine: facts, rows, goals: report.goals }));
  else console.log(printReport(name, facts, { ...report, rows }));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
