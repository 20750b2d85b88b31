/** The package entry `hasura-usage/telemetry/react`: the store as a hook. React is the application's own. */
import { createContext, createElement, type ReactNode, useContext, useSyncExternalStore } from "react";
import { type Telemetry } from "./create-telemetry.ts";
import { type TelemetryState } from "./types.ts";

const TelemetryContext = createContext<Telemetry | null>(null);

export interface TelemetryProviderProps {
  readonly telemetry: Telemetry;
  readonly children?: ReactNode;
}

export const TelemetryProvider = ({ telemetry, children }: TelemetryProviderProps): ReactNode =>
  createElement(TelemetryContext.Provider, { value: telemetry }, children);

export interface UsedTelemetry extends Omit<Telemetry, "getState" | "subscribe" | "stop"> {
  readonly state: TelemetryState;
}

/** The store of the provider and its state; renders again with every change of it. */
export const useTelemetry = (): UsedTelemetry => {
  const telemetry = useContext(TelemetryContext);
  if (telemetry === null) throw new Error("useTelemetry needs a TelemetryProvider above it");
  const state = useSyncExternalStore(telemetry.subscribe, telemetry.getState, telemetry.getState);
  return { ...telemetry, state };
};

/** One part of the state; renders again only when that part changes, so `select` must give the same for the same. */
export const useTelemetryState = <Part>(select: (state: TelemetryState) => Part): Part => {
  const telemetry = useContext(TelemetryContext);
  if (telemetry === null) throw new Error("useTelemetryState needs a TelemetryProvider above it");
  const read = (): Part => select(telemetry.getState());
  return useSyncExternalStore(telemetry.subscribe, read, read);
};
