import type { Checked } from "./engine-under-fuzz.ts";

interface Line {
  requests: number;
  ok: number;
  refused: number;
}

/** How many requests of each kind there were, and how their operations ended. */
export const createTally = () => {
  const lines = new Map<string, Line>();
  return {
    add: ({ kind, outcomes }: Checked): void => {
      const line = lines.get(kind) ?? { requests: 0, ok: 0, refused: 0 };
      line.requests += 1;
      for (const outcome of outcomes) line[outcome] += 1;
      lines.set(kind, line);
    },
    report: (): string =>
      [...lines]
        .map(
          ([kind, { requests, ok, refused }]) =>
            `fuzz       ${kind.padEnd(17)} ${String(requests).padStart(7)} requests, ${String(ok).padStart(7)} answered, ${String(refused).padStart(7)} refused`,
        )
        .join("\n"),
  };
};
