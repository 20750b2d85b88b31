import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";

import { median } from "./statistics.ts";

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGb: number;
  readonly node: string;
  readonly fsyncMs: number;
  readonly load1: number;
}

/** How long the disk takes to make one page durable: the floor under every commit. */
const fsyncMs = (folder: string): number => {
  const file = join(folder, `hasura-usage-fsync-${String(process.pid)}`);
  const page = Buffer.alloc(8192, 1);
  const handle = openSync(file, "w");
  try {
    const times: number[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      const from = performance.now();
      writeSync(handle, page, 0, page.length, turn * page.length);
      fdatasyncSync(handle);
      times.push(performance.now() - from);
    }
    return Number(median(times).toFixed(2));
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
};

/** What the absolute figures depend on. */
export const readMachine = (): Machine => {
  const cores = cpus();
  return {
    cores: cores.length,
    cpu: cores[0]?.model.trim() ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    fsyncMs: fsyncMs(tmpdir()),
    load1: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
};
