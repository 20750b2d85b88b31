import { spawn } from "node:child_process";

/**
 * $1 pid of the server, $2 its data directory, $3 a folder to remove afterwards or nothing. The end of standard input is
 * the end of the parent, however it died; the pid counts only while the data directory still names it. A server that has
 * only just been started gets a moment to write its name there.
 */
const script = `
cat >/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ ! -e "$2/postmaster.pid" ] && [ $tries -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
ours() { [ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ] && kill -0 "$1" 2>/dev/null; }
ours "$1" "$2" && kill -INT "$1"
tries=0
while ours "$1" "$2" && [ $tries -lt 150 ]; do sleep 0.1; tries=$((tries + 1)); done
ours "$1" "$2" && kill -QUIT "$1"
[ -n "$3" ] && rm -rf "$2" "$3"
exit 0
`;

/** Watches this process from outside: PostgreSQL must not outlive it, even after SIGKILL. Returns how to call it off. */
export const startWatchdog = (
  pid: number,
  cluster: string,
  removeAfterwards: string | undefined,
): (() => void) => {
  // Windows has no such shell; there the next start ends what was left behind.
  if (process.platform === "win32") return () => undefined;
  const child = spawn("/bin/sh", ["-c", script, "watchdog", String(pid), cluster, removeAfterwards ?? ""], {
    cwd: "/",
    // A session of its own: signals to our process group must not reach it.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  return () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      // The whole session, as the shell waits for `cat`.
      process.kill(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
  };
};
