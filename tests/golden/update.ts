import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { collectGolden, goldenDir } from "./collect.ts";

/** `npm run golden`: writes what is true now. A person decides that and reads the diff, so CI never may. */
const main = async (): Promise<void> => {
  if (!["", "0", "false"].includes(process.env["CI"] ?? "")) {
    throw new Error(
      "golden files are not rewritten in CI; run npm run golden on your machine and commit the diff",
    );
  }
  const files = await collectGolden();
  await rm(goldenDir, { recursive: true, force: true });
  for (const [name, text] of files) {
    await mkdir(dirname(join(goldenDir, name)), { recursive: true });
    await writeFile(join(goldenDir, name), text);
  }
  console.log(`${String(files.size)} golden files written to ${goldenDir}`);
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(`golden: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
