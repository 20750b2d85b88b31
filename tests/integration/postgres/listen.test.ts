import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { createListener } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
}, 60_000);
afterAll(() => test.drop());

it("hears what is announced, and says when it begins to listen anew after its session was lost", async () => {
  const heard: string[] = [];
  let began = 0;
  const listener = createListener({
    connectionString: test.url,
    channels: ["one", "Two words"],
    onNotification: ({ channel, payload }) => heard.push(`${channel}:${payload}`),
    onListening: () => {
      began += 1;
    },
    clock: systemClock,
    logger: silentLogger,
    applicationName: "listener-test",
  });
  const announce = (channel: string, payload: string) =>
    test.database.query("select pg_notify($1, $2)", [channel, payload]);
  try {
    await waitFor("the first session", () => began === 1);
    await announce("one", "a");
    await announce("Two words", "b");
    await announce("three", "c");
    await waitFor("both", () => heard.length === 2);
    expect(heard).toEqual(["one:a", "Two words:b"]);

    await test.database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener-test'",
    );
    await waitFor("the second session", () => began === 2);
    expect(listener.isListening()).toBe(true);
    await announce("one", "d");
    await waitFor("the next", () => heard.length === 3);
  } finally {
    await listener.stop();
  }
  expect(listener.isListening()).toBe(false);
});
