import { expect, it } from "@jest/globals";

import { describeSettings, sourceFiles } from "../../../src/cli/sql-sources.ts";
import { checkMigrations } from "../../../src/sql-sources/index.ts";

it("the migrations make what hasura/sql holds: npm run db:migration writes what is missing", async () => {
  const serverUrl = process.env["TEST_DATABASE_URL"] ?? "";
  expect(await checkMigrations({ serverUrl, files: sourceFiles, describe: describeSettings })).toEqual([]);
});
