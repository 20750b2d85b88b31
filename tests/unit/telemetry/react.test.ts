import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { Window } from "happy-dom";
import { act, createElement, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { TelemetryProvider, useTelemetry, useTelemetryState } from "../../../src/telemetry/react.ts";
import { openTab } from "./harness.ts";

const globals = globalThis as unknown as Record<string, unknown>;
const names = ["window", "document", "IS_REACT_ACT_ENVIRONMENT"];
const before = new Map(names.map((name) => [name, globals[name]]));
let window: Window;
let root: Root;
let place: Element;

beforeEach(() => {
  window = new Window({ url: "https://app.test/" });
  Object.assign(globals, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
  const element = window.document.createElement("div");
  window.document.body.appendChild(element);
  place = element as unknown as Element;
  root = createRoot(place);
});
afterEach(async () => {
  await act(() => {
    root.unmount();
  });
  await window.happyDOM.close();
  for (const [name, value] of before) globals[name] = value;
});

const text = (): string => (place as unknown as { textContent: string }).textContent;

it("renders the state, and again with each change of it", async () => {
  const { telemetry } = openTab();
  const Banner = (): ReactNode => {
    const { state } = useTelemetry();
    return state.needsChoice ? "May we?" : `${String(state.counts.tracked)} events`;
  };
  await act(() => {
    root.render(createElement(TelemetryProvider, { telemetry }, createElement(Banner)));
  });
  expect(text()).toBe("May we?");
  await act(() => telemetry.acceptAll());
  expect(text()).toBe("0 events");
  await act(() => {
    telemetry.track("opened");
  });
  expect(text()).toBe("1 events");
});

it("offers what the store does", async () => {
  const { telemetry } = openTab();
  let used: ReturnType<typeof useTelemetry> | undefined;
  const Page = (): ReactNode => {
    used = useTelemetry();
    return null;
  };
  await act(() => {
    root.render(createElement(TelemetryProvider, { telemetry }, createElement(Page)));
  });
  await act(() => {
    used?.setConsent({ analytics: true });
    used?.track("opened");
  });
  expect(used?.state.queued).toBe(1);
  expect(used?.export().events).toHaveLength(1);
});

it("renders a part only when that part changes", async () => {
  const { telemetry } = openTab();
  telemetry.acceptAll();
  let renders = 0;
  const Debug = (): ReactNode => {
    renders += 1;
    return String(useTelemetryState((state) => state.debug));
  };
  await act(() => {
    root.render(createElement(TelemetryProvider, { telemetry }, createElement(Debug)));
  });
  const first = renders;
  await act(() => {
    telemetry.track("opened");
  });
  expect(renders).toBe(first);
  await act(() => telemetry.setDebug(true));
  expect([renders, text()]).toEqual([first + 1, "true"]);
});

it("renders on a server, and says what is missing above it", () => {
  const Banner = (): ReactNode => String(useTelemetry().state.needsChoice);
  const { telemetry } = openTab();
  expect(renderToString(createElement(TelemetryProvider, { telemetry }, createElement(Banner)))).toBe("true");
  expect(() => renderToString(createElement(Banner))).toThrow(
    "useTelemetry needs a TelemetryProvider above it",
  );
});
