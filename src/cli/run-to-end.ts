import { spawn } from "node:child_process";

/** Runs a program in the terminal's own streams; rejects unless it exits with 0. */
export const runToEnd = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...env } });
    const pass = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    process.on("SIGINT", pass);
    process.on("SIGTERM", pass);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass);
      process.off("SIGTERM", pass);
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${String(code ?? signal)}`));
    });
  });
