// Plain JavaScript on purpose: it runs in another Node than the project, from this folder's own packages.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { grafserv } from "postgraphile/grafserv/node";
import { postgraphile } from "postgraphile";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgService } from "postgraphile/adaptors/pg";

const packageFile = new URL("node_modules/postgraphile/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, "utf8"));

const service = makePgService({
  connectionString: process.env.BENCH_SERVER_DATABASE_URL ?? "",
  schemas: ["public"],
  poolConfig: { max: 16 },
});
const postgraphileServer = postgraphile({
  extends: [PostGraphileAmberPreset],
  // Else only columns with an index can be filtered by.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [service],
  grafserv: { graphqlPath: "/graphql", graphiql: false, watch: false },
  grafast: {
    explain: false,
    // The row permission as PostGraphile does it: a role under row-level security that reads a setting.
    context: ({ node }) => ({
      pgSettings: {
        role: "bench_reader",
        "bench.workspace_id": node?.req.headers["x-workspace-id"],
        "bench.user_id": node?.req.headers["x-user-id"],
      },
    }),
  },
});

const server = createServer();
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
await postgraphileServer.createServ(grafserv).addTo(server);
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const end = () => {
  server.closeAllConnections();
  void postgraphileServer.release().finally(() => process.exit(0));
};
process.on("disconnect", end);
process.on("message", (message) => {
  if (message === "stop") {
    end();
    return;
  }
  const { user, system } = process.cpuUsage();
  process.send({ usage: { cpuUs: user + system, rssBytes: process.memoryUsage.rss() } });
});
process.send({
  port: server.address().port,
  about: { postgraphile: version, postgraphileNode: process.versions.node },
});
