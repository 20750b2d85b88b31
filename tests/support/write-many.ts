/** Writes many files into a folder as adopt does; killed in the middle by a test. */
import { writeChanges } from "../../src/cli/adopt/write/index.ts";
import { readOptional } from "../../src/cli/adopt/files.ts";
import { join } from "node:path";

const [root = "", count = "0"] = process.argv.slice(2);
const paths = Array.from(
  { length: Number(count) },
  (_, index) => `many/${String(index % 20)}/file-${String(index)}`,
);
const before = await Promise.all(paths.map((path) => readOptional(join(root, path))));
await writeChanges(
  root,
  paths.map((path, index) => ({
    path,
    before: before[index] ?? null,
    after: index % 3 === 0 && before[index] !== null ? null : `after ${String(index)}\n`,
  })),
);
