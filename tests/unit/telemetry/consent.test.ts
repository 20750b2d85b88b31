import { describe, expect, it } from "@jest/globals";
import { memoryStorage } from "../../../src/telemetry/index.ts";
import { manualClock, openTab, rest } from "./harness.ts";

describe("before a choice", () => {
  it("stores nothing and sends nothing, whatever is tracked", async () => {
    const clock = manualClock();
    const storage = memoryStorage();
    const tab = openTab({ clock, storage });
    expect(tab.telemetry.track("opened")).toBe(false);
    expect(tab.telemetry.track("crashed", {}, { purpose: "essential" })).toBe(false);
    tab.telemetry.recordError(new Error("broken"));
    await tab.telemetry.flush();
    tab.hide();
    await clock.advance(3_600_000);
    expect(storage.keys()).toEqual([]);
    expect(tab.sent).toEqual([]);
    expect(tab.telemetry.getState()).toMatchObject({
      needsChoice: true,
      sessionId: null,
      queued: 0,
      counts: { tracked: 0, withheld: 3, errors: 1 },
    });
  });
});

describe("a choice", () => {
  it("lets through what it names and nothing else", async () => {
    const tab = openTab();
    tab.telemetry.setConsent({ functional: true });
    expect(tab.telemetry.track("a", {}, { purpose: "functional" })).toBe(true);
    expect(tab.telemetry.track("b", {}, { purpose: "essential" })).toBe(true);
    expect(tab.telemetry.track("c", {}, { purpose: "marketing" })).toBe(false);
    expect(tab.telemetry.track("d")).toBe(false);
    await tab.telemetry.flush();
    expect(tab.types()).toEqual(["a", "b"]);
    // A session tells visits apart, which nobody agreed to here.
    expect(tab.sent[0]?.events.map((event) => event.session_id)).toEqual([null, null]);
  });

  it("outlives the page, and another version of the text asks again and keeps nothing of before", async () => {
    const storage = memoryStorage();
    const first = openTab({ storage });
    first.telemetry.acceptAll();
    first.telemetry.track("kept");
    first.telemetry.stop();
    const second = openTab({ storage });
    expect(second.telemetry.getState()).toMatchObject({ needsChoice: false, queued: 1 });
    second.telemetry.stop();
    const third = openTab({ storage, consentVersion: "2" });
    await rest();
    expect(third.telemetry.getState()).toMatchObject({ needsChoice: true, queued: 0 });
    expect(storage.keys().filter((key) => key.includes("queue"))).toEqual([]);
  });

  it("that is taken back erases at once what it had allowed, stored or waiting, and stops what is under way", async () => {
    const storage = memoryStorage();
    const left = openTab({ storage });
    left.telemetry.acceptAll();
    left.telemetry.track("left behind");
    left.hide();

    let aborted = false;
    const tab = openTab({
      storage,
      reply: () => new Promise(() => undefined),
    });
    tab.telemetry.setDebug(true);
    tab.telemetry.track("visit", { page: "secret page" });
    tab.telemetry.track("setting", {}, { purpose: "functional" });
    void tab.telemetry.flush();
    await rest();
    tab.sent[0]?.signal.addEventListener("abort", () => {
      aborted = true;
    });
    tab.telemetry.setConsent({ analytics: false });
    expect(aborted).toBe(true);
    expect(tab.telemetry.export().events.map(({ type }) => type)).toEqual(["setting"]);
    expect(tab.telemetry.getState()).toMatchObject({
      sessionId: null,
      queued: 1,
      recent: [{ type: "setting" }],
    });
    const text = storage.keys().map((key) => storage.getItem(key) ?? "");
    expect(text.join()).not.toMatch(/secret page|left behind|visit/u);
  });

  it("that is taken back leaves in the queue of a closed tab what is still agreed to, which goes out once", async () => {
    const storage = memoryStorage();
    const clock = manualClock();
    const tab = openTab({ storage, clock });
    const closed = openTab({ storage, clock });
    tab.telemetry.acceptAll();
    closed.store("hasura-usage-telemetry:consent");
    closed.telemetry.track("visit", { page: "secret page" });
    closed.telemetry.track("setting", {}, { purpose: "functional" });
    closed.telemetry.track("campaign", {}, { purpose: "marketing" });
    closed.telemetry.track("failure", {}, { purpose: "essential" });
    closed.telemetry.stop();
    const queues = (): string =>
      storage
        .keys()
        .filter((key) => key.includes(":queue:"))
        .map((key) => storage.getItem(key) ?? "")
        .join();
    expect(queues()).toMatch(/secret page.*setting.*campaign.*failure/u);

    tab.telemetry.setConsent({ analytics: false, marketing: false });
    expect(queues()).toMatch(/setting.*failure/u);
    expect(queues()).not.toMatch(/secret page|visit|campaign/u);
    // Agreeing again brings nothing back.
    tab.telemetry.acceptAll();

    const next = openTab({ storage, clock });
    next.telemetry.identify(null);
    await next.telemetry.flush();
    expect(next.types()).toEqual(["setting", "failure"]);
    next.telemetry.stop();
    const last = openTab({ storage, clock });
    await last.telemetry.flush();
    expect(last.types()).toEqual([]);
    expect(queues()).toBe("");
  });

  it("of another tab counts in this one", () => {
    const storage = memoryStorage();
    const one = openTab({ storage });
    const other = openTab({ storage });
    one.telemetry.acceptAll();
    other.store("hasura-usage-telemetry:consent");
    expect(other.telemetry.track("both agree")).toBe(true);
    one.telemetry.rejectAll();
    other.store(null);
    expect(other.telemetry.getState()).toMatchObject({ queued: 0, needsChoice: false });
    expect(other.telemetry.track("no more")).toBe(false);
  });

  it.each([
    "{",
    "[]",
    "null",
    '{"granted":{"analytics":true},"version":"1"}',
    '{"granted":1,"decidedAt":1,"version":"1"}',
  ])("that cannot be read is none: %s", (text) => {
    const storage = memoryStorage();
    storage.setItem("hasura-usage-telemetry:consent", text);
    expect(openTab({ storage }).telemetry.getState().needsChoice).toBe(true);
  });
});

it("gives out all that is held, and erases all of it", async () => {
  const storage = memoryStorage();
  const tab = openTab({ storage });
  tab.telemetry.acceptAll();
  tab.telemetry.identify("alice");
  tab.telemetry.track("opened", { page: 1 });
  const held = tab.telemetry.export();
  expect(held).toMatchObject({
    userId: "alice",
    consent: { granted: { analytics: true } },
    events: [{ type: "opened", data: { page: 1 }, userId: "alice", sessionId: held.sessionId }],
  });
  tab.hide();
  tab.telemetry.reset();
  await rest();
  expect(storage.keys()).toEqual([]);
  expect(tab.telemetry.getState()).toMatchObject({
    needsChoice: true,
    queued: 0,
    userId: null,
    counts: { tracked: 0 },
  });
});
