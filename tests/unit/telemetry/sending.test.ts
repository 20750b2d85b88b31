import { describe, expect, it } from "@jest/globals";
import { memoryStorage, type TelemetryStorage } from "../../../src/telemetry/index.ts";
import { acceptAll, answer, manualClock, openTab, type Reply, rest, type TabOptions } from "./harness.ts";

const agreed = (options: TabOptions = {}) => {
  const clock = manualClock();
  const tab = openTab({ clock, ...options });
  tab.telemetry.acceptAll();
  return { clock, ...tab };
};

describe("batches", () => {
  it("go out after a while, or when one is full, in the order of the events", async () => {
    const tab = agreed({ batchSize: 3 });
    tab.telemetry.track("a");
    await tab.clock.advance(4_999);
    expect(tab.sent).toHaveLength(0);
    await tab.clock.advance(1);
    expect(tab.types()).toEqual(["a"]);
    for (const type of ["b", "c", "d", "e"]) tab.telemetry.track(type);
    await rest();
    expect(tab.sent.map(({ events }) => events.length)).toEqual([1, 3, 1]);
    expect(tab.types()).toEqual(["a", "b", "c", "d", "e"]);
    expect(tab.telemetry.getState()).toMatchObject({
      queued: 0,
      counts: { tracked: 5, sent: 5, dropped: 0 },
    });
  });

  it("stay below their size in bytes", async () => {
    const tab = agreed({ batchBytes: 1_000 });
    for (const type of ["a", "b", "c"]) tab.telemetry.track(type, { text: "ü".repeat(200) });
    await tab.telemetry.flush();
    expect(tab.sent.map(({ events }) => events.length)).toEqual([1, 1, 1]);
  });

  it("lose only what is refused, and send again what the answer does not speak of", async () => {
    const reply: Reply = (events, count) =>
      answer(200, {
        results: events.flatMap(({ id, event_type: type }) => {
          if (type === "forgotten" && count === 1) return [];
          return [{ id, status: type === "bad" ? "invalid" : type === "known" ? "duplicate" : "accepted" }];
        }),
      });
    const tab = agreed({ reply });
    for (const type of ["good", "bad", "known", "forgotten"]) tab.telemetry.track(type);
    await tab.telemetry.flush();
    expect(tab.types()).toEqual(["good", "bad", "known", "forgotten", "forgotten"]);
    expect(tab.telemetry.getState().counts).toMatchObject({ sent: 2, duplicates: 1, rejected: 1 });
  });

  it("that are refused whole are cut until the one event is found", async () => {
    const reply: Reply = (events) =>
      events.some(({ event_type: type }) => type === "poison")
        ? answer(400)
        : answer(200, { results: events.map(({ id }) => ({ id, status: "accepted" })) });
    const tab = agreed({ reply });
    for (const type of ["a", "b", "poison", "c", "d"]) tab.telemetry.track(type);
    await tab.telemetry.flush();
    expect(tab.telemetry.getState()).toMatchObject({ queued: 0, counts: { sent: 4, rejected: 1 } });
  });
});

describe("failures", () => {
  it("are tried again later and later, with jitter, and lose nothing", async () => {
    let random = 1;
    const tab = agreed({ reply: () => Promise.reject(new Error("offline")), random: () => random });
    tab.telemetry.track("a");
    await tab.telemetry.flush();
    const waits: number[] = [];
    for (let round = 0; round < 12; round += 1) {
      const wait = (tab.telemetry.getState().retryAt ?? 0) - tab.clock.now();
      waits.push(wait);
      await tab.clock.advance(wait);
    }
    expect(waits.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(waits.at(-1)).toBe(300_000);
    random = 0.5;
    await tab.clock.advance(300_000);
    expect((tab.telemetry.getState().retryAt ?? 0) - tab.clock.now()).toBe(225_000);
    expect(tab.telemetry.getState()).toMatchObject({
      queued: 1,
      lastError: { code: "unreachable", message: "offline" },
    });
  });

  it.each([
    ["7", 7_500],
    [new Date(Date.UTC(2026, 0, 1, 0, 1)).toUTCString(), 60_500],
    ["soon", 500],
    ["999999", 3_600_500],
  ])("wait at least as long as the server asks: Retry-After %s", async (header, atLeastMs) => {
    const reply: Reply = (_events, count) =>
      count === 1 ? answer(429, {}, { "retry-after": header }) : answer(200, { results: [] });
    const tab = agreed({ reply, random: () => 0 });
    tab.telemetry.track("a");
    await tab.telemetry.flush();
    expect((tab.telemetry.getState().retryAt ?? 0) - tab.clock.now()).toBe(atLeastMs);
    tab.telemetry.track("b");
    await tab.clock.advance(atLeastMs - 1);
    expect(tab.sent).toHaveLength(1);
    await tab.clock.advance(1);
    expect(tab.sent).toHaveLength(2);
  });

  it("include a server that never answers, and one whose answer says nothing", async () => {
    const silent = agreed({ reply: () => new Promise(() => undefined) });
    silent.telemetry.track("a");
    void silent.telemetry.flush();
    await rest();
    await silent.clock.advance(30_000);
    expect(silent.sent[0]?.signal.aborted).toBe(true);
    const vague = agreed({ reply: () => answer(200, "thanks") });
    vague.telemetry.track("a");
    await vague.telemetry.flush();
    expect(vague.telemetry.getState()).toMatchObject({ queued: 1, lastError: { code: "answer-unreadable" } });
  });
});

describe("the queue", () => {
  it("drops the oldest when it is full, and what is too old or too large", async () => {
    const tab = agreed({ maxEvents: 3, maxAgeMs: 60_000, reply: () => answer(503) });
    for (const type of ["a", "b", "c", "d"]) tab.telemetry.track(type);
    expect(tab.telemetry.export().events.map(({ type }) => type)).toEqual(["b", "c", "d"]);
    expect(tab.telemetry.track("huge", { text: "x".repeat(70_000) })).toBe(false);
    await tab.clock.advance(60_001);
    tab.telemetry.track("e");
    expect(tab.telemetry.export().events.map(({ type }) => type)).toEqual(["e"]);
    expect(tab.telemetry.getState().counts.dropped).toBe(5);
  });

  it("survives the page, and a crash of it but for the last moment", async () => {
    const storage = memoryStorage();
    const clock = manualClock();
    const first = openTab({ clock, storage, reply: () => answer(503) });
    first.telemetry.acceptAll();
    first.telemetry.track("a");
    await clock.advance(250);
    first.telemetry.track("lost with the crash");
    const next = openTab({ clock, storage });
    // The first may be alive: nobody takes its events from it.
    expect(next.telemetry.getState().queued).toBe(0);
    next.telemetry.stop();
    const later = manualClock(clock.now() + 180_000);
    const third = openTab({ clock: later, storage });
    await later.advance(0);
    expect(third.types()).toEqual(["a"]);
  });

  it("of two tabs is sent once by each, and what both send is counted once", async () => {
    const storage = memoryStorage();
    const clock = manualClock();
    const reply = acceptAll();
    const one = openTab({ clock, storage, reply });
    one.telemetry.acceptAll();
    const two = openTab({ clock, storage, reply });
    one.telemetry.track("one");
    two.telemetry.track("two");
    one.hide();
    await rest();
    // One looked as if it went away, so three takes over what it had; it was not gone.
    const three = openTab({ clock, storage, reply });
    await clock.advance(5_000);
    const accepted = [one, two, three].map(({ telemetry }) => telemetry.getState().counts.sent);
    expect(accepted.reduce((sum, each) => sum + each, 0)).toBe(2);
    expect(
      one.telemetry.getState().queued + two.telemetry.getState().queued + three.telemetry.getState().queued,
    ).toBe(0);
  });

  it("goes on without a storage that is full, forbidden or broken", async () => {
    const storage: TelemetryStorage = {
      getItem: () => {
        throw new Error("SecurityError");
      },
      setItem: () => {
        throw new Error("QuotaExceededError");
      },
      removeItem: () => {
        throw new Error("SecurityError");
      },
      keys: () => {
        throw new Error("SecurityError");
      },
    };
    const tab = agreed({ storage });
    expect(tab.telemetry.track("a")).toBe(true);
    tab.hide();
    await tab.telemetry.flush();
    expect(tab.telemetry.getState()).toMatchObject({ queued: 0, counts: { sent: 1 } });
    expect(tab.telemetry.getState().lastError?.code).toMatch(/^storage-/u);
  });

  it("takes stored text that is not its own for nothing", async () => {
    const storage = memoryStorage();
    const key = "hasura-usage-telemetry:queue:old";
    const good = {
      id: "x",
      type: "kept",
      category: "c",
      data: {},
      at: Date.UTC(2026, 0, 1),
      sessionId: null,
      userId: null,
      purpose: "essential",
    };
    storage.setItem("hasura-usage-telemetry:consent", '{"granted":{},"decidedAt":1,"version":"1"}');
    storage.setItem(key, JSON.stringify({ aliveUntil: 0, events: [null, 1, { id: "y" }, good] }));
    storage.setItem(`${key}er`, "[[[");
    const clock = manualClock();
    const tab = openTab({ clock, storage });
    await clock.advance(0);
    expect(tab.types()).toEqual(["kept"]);
    expect(storage.getItem(`${key}er`)).toBeNull();
  });

  it("keeps what a hook makes of an event, and nothing where the hook says no or fails", async () => {
    const tab = agreed({
      beforeKeep: (event) => {
        if (event.type === "fails") throw new Error("hook");
        return event.type === "no" ? null : { ...event, data: { email: "[redacted]" } };
      },
    });
    expect(tab.telemetry.track("yes", { email: "a@b.c" })).toBe(true);
    expect(tab.telemetry.track("no")).toBe(false);
    expect(tab.telemetry.track("fails")).toBe(false);
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(agreed().telemetry.track("circle", circle)).toBe(false);
    await tab.telemetry.flush();
    expect(tab.sent[0]?.events[0]?.event_data).toEqual({ email: "[redacted]" });
  });
});

describe("a page that may be gone", () => {
  it("hands a beacon what fits, and sends again what no answer confirmed", async () => {
    const tab = agreed({ beacon: true });
    for (let index = 0; index < 40; index += 1)
      tab.telemetry.track(`e${String(index)}`, { text: "x".repeat(3_000) });
    tab.hide();
    expect(tab.beacons).toHaveLength(1);
    expect(tab.beacons[0]?.length).toBeGreaterThan(15);
    expect(JSON.stringify(tab.beacons[0]).length).toBeLessThan(60_000);
    expect(tab.sent).toHaveLength(0);
    await tab.clock.advance(5_000);
    expect(tab.types()).toHaveLength(40);
    expect(tab.telemetry.getState().queued).toBe(0);
  });

  it("uses a request that outlives it where a beacon could not carry the credentials, or was refused", async () => {
    const signed = agreed({ beacon: true, headers: () => ({ authorization: "Bearer t" }) });
    signed.telemetry.track("a");
    signed.hide();
    await rest();
    expect(signed.beacons).toHaveLength(0);
    expect(signed.sent[0]).toMatchObject({ keepalive: true, headers: { authorization: "Bearer t" } });
    expect(signed.telemetry.getState().queued).toBe(0);
    const refused = agreed({ beacon: false });
    refused.telemetry.track("a");
    refused.hide();
    await rest();
    expect(refused.sent[0]?.keepalive).toBe(true);
  });
});

describe("sessions and users", () => {
  it("begin a session after half an hour without an event, shared by all tabs", async () => {
    const storage = memoryStorage();
    const { clock, telemetry } = agreed({ storage });
    telemetry.track("a");
    const first = telemetry.getState().sessionId;
    await clock.advance(29 * 60_000);
    telemetry.track("b");
    expect(telemetry.getState()).toMatchObject({ sessionId: first, counts: { trackedInSession: 2 } });
    const other = openTab({ clock, storage });
    other.telemetry.track("c");
    expect(other.telemetry.getState().sessionId).toBe(first);
    await clock.advance(30 * 60_000);
    expect(telemetry.getState().sessionId).toBeNull();
    telemetry.track("d");
    expect(telemetry.getState().sessionId).not.toBe(first);
    expect(telemetry.getState().counts.trackedInSession).toBe(1);
  });

  it("go on over a reload and a sign-in, and end with a change of user", () => {
    const storage = memoryStorage();
    const clock = manualClock();
    const first = openTab({ clock, storage });
    first.telemetry.acceptAll();
    first.telemetry.track("a");
    const { sessionId } = first.telemetry.getState();
    first.telemetry.identify("alice");
    first.telemetry.track("b");
    const reloaded = openTab({ clock, storage });
    reloaded.telemetry.track("before it is known who is here");
    reloaded.telemetry.identify("alice");
    reloaded.telemetry.track("c");
    expect(reloaded.telemetry.getState().sessionId).toBe(sessionId);
    reloaded.telemetry.identify("bob");
    reloaded.telemetry.track("d");
    expect(reloaded.telemetry.getState().sessionId).not.toBe(sessionId);
  });

  it("never send the events of one user with the credentials of another", async () => {
    let token = "alice's";
    const tab = agreed({ headers: () => Promise.resolve({ authorization: token }) });
    tab.telemetry.identify("alice");
    tab.telemetry.track("of alice");
    token = "bob's";
    tab.telemetry.identify("bob");
    tab.telemetry.track("of bob");
    tab.hide();
    await tab.telemetry.flush();
    expect(tab.types()).toEqual(["of bob"]);
    token = "alice's";
    tab.telemetry.identify("alice");
    await tab.telemetry.flush();
    expect(tab.sent.map(({ headers, events }) => [headers["authorization"], events[0]?.event_type])).toEqual([
      ["bob's", "of bob"],
      ["alice's", "of alice"],
    ]);
  });
});

it("tells its listeners of each change and keeps the same state between two", async () => {
  const { telemetry } = agreed();
  let changes = 0;
  const end = telemetry.subscribe(() => {
    changes += 1;
  });
  const before = telemetry.getState();
  expect(telemetry.getState()).toBe(before);
  telemetry.setDebug(true);
  telemetry.track("a");
  expect(telemetry.getState()).not.toBe(before);
  expect(telemetry.getState().recent.map(({ type }) => type)).toEqual(["a"]);
  telemetry.setDebug(false);
  expect(telemetry.getState().recent).toEqual([]);
  telemetry.setTracking(false);
  expect(telemetry.track("off")).toBe(false);
  const seen = changes;
  end();
  telemetry.setTracking(true);
  expect(changes).toBe(seen);
  telemetry.recordError("broken");
  expect(telemetry.getState()).toMatchObject({
    lastError: { code: "recorded", message: "broken" },
    counts: { errors: 1 },
  });
});
