import { SingleBar } from "cli-progress";
import { gql, type GraphQLClient } from "graphql-request";
import { createClient } from "graphql-ws";
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { systemClock } from "../core/index.ts";
import { readEventReport } from "./demo-event-report.ts";
import { countHours, type EventTally, playEvents } from "./demo-events.ts";
import { readReport } from "./demo-report.ts";
import { createRandom, createTally, type MonthSize, planMonth, runAll, type Tally } from "./demo-traffic.ts";
import {
  adminClient,
  createDemoWorkspace,
  demoPlans,
  type DemoWorkspace,
  subscribePlan,
} from "./demo-world.ts";
import { openLog } from "./log.ts";
import { startProduct } from "./product.ts";
import { readSettings, type Settings } from "./settings.ts";

const seed = 108;
const concurrency = 16;
const month: MonthSize = { joins: 14, channels: 9, messages: 550, uploads: 60, calls: 25, aiQueries: 140 };

const firstChannel = gql`
  mutation {
    insert_channels_one(object: { name: "general" }) {
      id
    }
  }
`;

const liveUsage = gql`
  subscription {
    usage_current(where: { metric: { _eq: "messages" } }) {
      used
      limit_value
    }
  }
`;

async function isRunning(gateway: string): Promise<boolean> {
  try {
    return (await fetch(`${gateway}/healthz`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

/** Counts the answers of a live query and keeps the last one. */
function watch(gateway: string, workspace: DemoWorkspace) {
  const client = createClient({
    url: `${gateway.replace(/^http/u, "ws")}/v1/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { headers: { authorization: `Bearer ${workspace.token}` } },
  });
  const seen = { answers: 0, last: "" };
  const stop = client.subscribe<{ usage_current: { used: number | string }[] }>(
    { query: liveUsage },
    {
      next: ({ data }) => {
        seen.answers += 1;
        seen.last = String(data?.usage_current[0]?.used ?? "");
      },
      error: (error) => {
        console.error("live query:", error);
      },
      complete: () => undefined,
    },
  );
  return {
    seen,
    stop: async () => {
      stop();
      await client.dispose();
    },
  };
}

interface Played {
  readonly workspace: DemoWorkspace;
  readonly events: EventTally;
}

/** Prints what became of the events, and returns whether all of it is what was sent. */
async function showEvents(admin: GraphQLClient, played: readonly Played[]): Promise<boolean> {
  const columns = [
    "workspace".padEnd(12),
    ...["sent", "stored", "duplicates", "by hour", "hours"].map((name) => name.padStart(12)),
    "  features used",
  ];
  console.log(`\n${columns.join("")}`);
  let equal = true;
  for (const { workspace, events } of played) {
    const { stored, counted, hours, features, differences } = await readEventReport(
      admin,
      workspace.id,
      events,
    );
    console.log(
      workspace.plan.padEnd(12) +
        [events.sent, stored, events.duplicates, counted, hours]
          .map((figure) => String(figure).padStart(12))
          .join("") +
        `  ${features.map(([name, times]) => `${name} ${String(times)}`).join(", ")}`,
    );
    for (const difference of differences) console.log(`  differs: ${difference}`);
    if (differences.length > 0) equal = false;
  }
  return equal;
}

interface Addresses {
  readonly gateway: string;
  readonly actions: string;
}

async function play({ gateway, actions }: Addresses, settings: Settings): Promise<boolean> {
  const endpoint = `${gateway}/v1/graphql`;
  const runId = Date.now().toString(36);
  const random = createRandom(seed);
  const options = { endpoint, settings, runId, uuid: randomUUID, recruitsPerWorkspace: month.joins };
  console.log(
    `Five workspaces on five plans play a month through ${endpoint}, ${String(concurrency)} at a time.`,
  );
  const workspaces: { workspace: DemoWorkspace; tally: Tally }[] = [];
  for (const plan of demoPlans) {
    workspaces.push({ workspace: await createDemoWorkspace(plan, options), tally: createTally() });
  }
  const tasks: (() => Promise<void>)[] = [];
  for (const { workspace, tally } of workspaces) {
    const created = await workspace.user.request<{ insert_channels_one: { id: string } }>(firstChannel);
    tasks.push(...planMonth(workspace, created.insert_channels_one.id, month, random, tally));
  }
  const watched = workspaces[0];
  if (watched === undefined) throw new Error("the demonstration has no workspace");
  const live = watch(gateway, watched.workspace);
  const bar = new SingleBar({ format: "traffic    {bar} {value}/{total} requests  {duration_formatted}" });
  const startedAt = performance.now();
  bar.start(tasks.length, 0);
  await runAll(tasks, concurrency, () => {
    bar.increment();
  });
  bar.stop();
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${String(tasks.length)} requests in ${seconds.toFixed(1)} s (${(tasks.length / seconds).toFixed(0)} a second)`,
  );

  const { workspace: free, tally: freeTally } = watched;
  console.log("\nLimits hit by the workspace on free:");
  for (const [message, count] of freeTally.refusals)
    console.log(`  ${String(count).padStart(4)} × ${message}`);
  await adminClient(endpoint, settings).request(subscribePlan, { workspaceId: free.id, planId: "starter" });
  await free.user.request(gql`
    mutation {
      insert_channels_one(object: { name: "after the upgrade" }) {
        id
      }
    }
  `);
  console.log("Upgraded to starter: the next channel was accepted at once.");
  console.log(
    `Live query: ${String(live.seen.answers)} answers while the traffic ran, the last said ${live.seen.last} messages.`,
  );
  await live.stop();

  let equal = true;
  const admin = adminClient(endpoint, settings);
  console.log(
    `\n${"workspace".padEnd(12)}${"metric".padEnd(16)}${"used".padStart(14)}${"limit".padStart(18)}${"recount".padStart(14)}`,
  );
  for (const { workspace, tally } of workspaces) {
    for (const row of await readReport(admin, workspace.id, tally.aiQueries)) {
      const differs = row.recount !== row.used;
      if (differs) equal = false;
      console.log(
        workspace.plan.padEnd(12) +
          row.metric.padEnd(16) +
          String(row.used).padStart(14) +
          (row.limit === null ? "unlimited" : String(row.limit)).padStart(18) +
          String(row.recount ?? "-").padStart(14) +
          (differs ? "  differs" : ""),
      );
    }
  }
  console.log(equal ? "\nEvery counter equals its recount." : "\nSome counters differ from their recount.");

  const now = systemClock.now();
  const played: Played[] = [];
  for (const { workspace } of workspaces)
    played.push({ workspace, events: await playEvents(gateway, workspace, now.getTime(), random) });
  await countHours(actions, settings.secrets.actionSecret, systemClock.now());
  const eventsEqual = await showEvents(admin, played);
  console.log(
    eventsEqual
      ? "\nEvery event was stored and counted once."
      : "\nSome counts of events differ from what was sent.",
  );
  return equal && eventsEqual;
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const gateway = `http://${settings.HOST}:${String(settings.PORT)}`;
  if (await isRunning(gateway)) {
    const actions = `http://${settings.HOST}:${String(settings.ACTIONS_PORT)}`;
    process.exit((await play({ gateway, actions }, settings)) ? 0 : 1);
  }
  const log = openLog(settings, process.env, "hasura-usage-demo");
  const product = await startProduct({
    settings,
    clock: systemClock,
    logger: log.logger,
    onStep: (step, detail) => {
      console.log(`${step.padEnd(10)} ${detail}`);
    },
  });
  const stop = async (): Promise<void> => {
    await product.stop();
    await log.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void stop().then(() => process.exit(130)));
  }
  let equal = false;
  try {
    equal = await play(product.urls, settings);
  } finally {
    await stop();
  }
  process.exit(equal ? 0 : 1);
}

main().catch((error: unknown) => {
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
