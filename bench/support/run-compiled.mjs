// Runs a server of a bench as the product runs: as one compiled script. Run file by file, each closure that a request makes
// is given its name again, which cost the engine a tenth of its CPU.
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { runCompiled } from "../../src/cli/compiled.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const [entry = ""] = process.argv.splice(2, 1);
if (!(await runCompiled(root, entry))) {
  // A script that awaits at its top cannot be compiled into one.
  const { register } = await import("tsx/esm/api");
  register();
  await import(pathToFileURL(join(root, entry)).href);
}
