/** Started by the tests as a process of its own, to be killed: node with the server in the given data directory. */
import { silentLogger } from "../../../src/core/index.ts";
import { startEmbeddedPostgres } from "../../../src/postgres/index.ts";

const { url } = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? "", logger: silentLogger });
console.log(url);
setInterval(() => undefined, 60_000);
