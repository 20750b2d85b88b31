import { afterEach, expect, it } from "@jest/globals";
import { Window } from "happy-dom";
import {
  browserEnvironment,
  createTelemetry,
  type Telemetry,
  type TelemetryWindow,
} from "../../../src/telemetry/index.ts";

interface Page {
  readonly window: Window;
  readonly telemetry: Telemetry;
  readonly beacons: readonly { readonly url: string; readonly body: Blob }[];
}

const opened: Page[] = [];

const open = (beaconTaken = true): Page => {
  const window = new Window({ url: "https://app.test/" });
  const beacons: { url: string; body: Blob }[] = [];
  Object.defineProperty(window.navigator, "sendBeacon", {
    value: (url: string, body: Blob) => {
      beacons.push({ url, body });
      return beaconTaken;
    },
  });
  const telemetry = createTelemetry({
    environment: browserEnvironment(window as unknown as TelemetryWindow),
    url: "https://usage.test/api/analytics/track",
    source: "app",
    consentVersion: "1",
    flushAfterMs: 3_600_000,
  });
  const page = { window, telemetry, beacons };
  opened.push(page);
  return page;
};

afterEach(async () => {
  for (const { telemetry, window } of opened.splice(0)) {
    telemetry.stop();
    await window.happyDOM.close();
  }
});

const setVisibility = (window: Window, state: string): void => {
  Object.defineProperty(window.document, "visibilityState", { value: state, configurable: true });
  window.document.dispatchEvent(new window.Event("visibilitychange"));
};

it("hands the browser what is queued when the page goes away, and stores it for the next", async () => {
  const { window, telemetry, beacons } = open();
  telemetry.acceptAll();
  telemetry.track("opened", { page: "/" });
  setVisibility(window, "visible");
  expect(beacons).toHaveLength(0);
  window.dispatchEvent(new window.Event("pagehide"));
  expect(beacons.map(({ url, body }) => [url, body.type])).toEqual([
    ["https://usage.test/api/analytics/track", "application/json"],
  ]);
  expect(JSON.parse((await beacons[0]?.body.text()) ?? "")).toMatchObject([
    { event_type: "opened", source: "app" },
  ]);
  const key = Object.keys(window.localStorage).find((name) => name.includes(":queue:"));
  expect(JSON.parse(window.localStorage.getItem(key ?? "") ?? "{}")).toMatchObject({
    aliveUntil: 0,
    events: [{ type: "opened" }],
  });
});

it("does the same when the page is only hidden, which on phones is often the last word", () => {
  const { window, telemetry, beacons } = open();
  telemetry.acceptAll();
  telemetry.track("opened");
  setVisibility(window, "hidden");
  expect(beacons).toHaveLength(1);
  telemetry.stop();
  setVisibility(window, "hidden");
  window.dispatchEvent(new window.Event("pagehide"));
  expect(beacons).toHaveLength(1);
});

it("follows the choice that another tab has stored", () => {
  const { window, telemetry } = open();
  const choice = { granted: { analytics: true }, decidedAt: 1, version: "1" };
  window.localStorage.setItem("hasura-usage-telemetry:consent", JSON.stringify(choice));
  window.dispatchEvent(new window.StorageEvent("storage", { key: "hasura-usage-telemetry:consent" }));
  expect(telemetry.getState().consent.granted).toMatchObject({ analytics: true, marketing: false });
  window.localStorage.clear();
  window.dispatchEvent(new window.StorageEvent("storage"));
  expect(telemetry.getState().needsChoice).toBe(true);
});

it("works in a window that forbids its storage", () => {
  const window = new Window({ url: "https://app.test/" });
  Object.defineProperty(window, "localStorage", {
    get: () => {
      throw new Error("SecurityError");
    },
  });
  const environment = browserEnvironment(window as unknown as TelemetryWindow);
  const telemetry = createTelemetry({
    environment,
    url: "https://usage.test/",
    source: "app",
    consentVersion: "1",
  });
  telemetry.acceptAll();
  expect(telemetry.track("opened")).toBe(true);
  telemetry.stop();
});
