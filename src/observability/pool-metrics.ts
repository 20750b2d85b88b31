import { Gauge, type Registry } from "prom-client";

/** Sessions of a process with its database. */
export interface SessionFigures {
  readonly busy: number;
  readonly idle: number;
  /** Work that has no session yet. */
  readonly waiting: number;
}

/** How a process uses its sessions; what waits for one is in no statement's time. */
export const collectPoolMetrics = (registry: Registry, sessions: () => SessionFigures): void => {
  new Gauge({
    name: "hasura_usage_pool_sessions",
    help: "Sessions of this process with the database, by what they do.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const { busy, idle } = sessions();
      this.set({ state: "busy" }, busy);
      this.set({ state: "idle" }, idle);
    },
  });
  new Gauge({
    name: "hasura_usage_pool_waiting",
    help: "Pieces of work of this process that wait for a session.",
    registers: [registry],
    collect() {
      this.set(sessions().waiting);
    },
  });
};
