// Plain JavaScript on purpose: it decides how TypeScript is run.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import vm from "node:vm";

/** Late enough that the functions a start needs are compiled, which is what makes their code worth keeping. */
const keepCodeAfterMs = 4_000;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

const read = (file) => {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
};

/** A reader sees the old file or the new one, never half of one. */
const writeWhole = (file, data) => {
  const fresh = `${file}.${String(process.pid)}.tmp`;
  writeFileSync(fresh, data);
  renameSync(fresh, file);
};

const digestOf = (file) => {
  const data = read(file);
  return data === undefined ? "" : sha256(data);
};

/** What decides the result beside the sources: the packages, the place, and this procedure. */
const surroundings = (root) =>
  sha256(
    `${root}\n${digestOf(join(root, "package-lock.json"))}\n${digestOf(fileURLToPath(import.meta.url))}`,
  );

const isOwn = (input) => !input.split("/").includes("node_modules");

/** Sources find the project by their own address, which must stay theirs inside of the one script. */
const keepAddresses = (root) => ({
  name: "keep-addresses",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!isOwn(relative(root, path).split(sep).join("/"))) return undefined;
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      const address = JSON.stringify(pathToFileURL(path).href);
      return { contents: text.replaceAll("import.meta.url", address), loader: "ts" };
    });
  },
});

const compile = async (root, entry) => {
  // The compiler of tsx, which is installed anyway.
  const require = createRequire(createRequire(join(root, "package.json")).resolve("tsx/package.json"));
  const esbuild = require("esbuild");
  const result = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: "compiled.cjs",
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "cjs",
    target: `node${process.versions.node}`,
    legalComments: "none",
    logLevel: "silent",
    plugins: [keepAddresses(root)],
  });
  await esbuild.stop();
  const script = Buffer.from(result.outputFiles[0].contents);
  const inputs = Object.keys(result.metafile.inputs).filter(isOwn);
  return { script, inputs: inputs.map((path) => [path, digestOf(join(root, path))]) };
};

const cached = (root, folder, name) => {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
    if (manifest.surroundings !== surroundings(root)) return undefined;
    if (!manifest.inputs.every(([path, digest]) => digestOf(join(root, path)) === digest)) return undefined;
    const script = read(join(folder, `${name}.${manifest.digest}.cjs`));
    if (script === undefined || sha256(script) !== manifest.digest) return undefined;
    return { script, digest: manifest.digest };
  } catch {
    return undefined;
  }
};

const store = (root, folder, name, { script, inputs }) => {
  const digest = sha256(script);
  mkdirSync(folder, { recursive: true });
  writeWhole(join(folder, `${name}.${digest}.cjs`), script);
  writeWhole(
    join(folder, `${name}.json`),
    JSON.stringify({ surroundings: surroundings(root), digest, inputs }),
  );
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}.`) && file !== `${name}.json` && !file.includes(digest))
      rmSync(join(folder, file), { force: true });
  }
  return { script, digest };
};

/** V8's code for the script, if it is whole: V8 itself looks at its version and flags only. */
const readCode = (file) => {
  const data = read(file);
  if (data === undefined || data.length < 64) return undefined;
  const code = data.subarray(64);
  return sha256(code) === data.subarray(0, 64).toString("latin1") ? code : undefined;
};

/**
 * Runs a TypeScript entry as one script, compiled once for each content of its sources (docs/adr/0001). Returns false where
 * that cannot be, as in a checkout that may not be written: the caller then runs it file by file.
 */
export const runCompiled = async (root, entry) => {
  const folder = join(root, ".cache", "compiled");
  const name = entry.replaceAll(/[^\w]+/gu, "-");
  let compiled = cached(root, folder, name);
  try {
    compiled ??= store(root, folder, name, await compile(root, entry));
  } catch {
    return false;
  }
  const filename = join(folder, `${name}.${compiled.digest}.cjs`);
  const codeFile = `${filename}.${process.version}-${process.arch}`;
  const cachedData = readCode(codeFile);
  const script = new vm.Script(
    `(function (exports, require, module, __filename, __dirname) {${compiled.script.toString("utf8")}\n})`,
    {
      filename,
      ...(cachedData === undefined ? {} : { cachedData }),
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    },
  );
  if (cachedData === undefined || script.cachedDataRejected) {
    const keep = () => {
      try {
        const code = script.createCachedData();
        writeWhole(codeFile, Buffer.concat([Buffer.from(sha256(code), "latin1"), code]));
      } catch {
        // The next start compiles again; nothing else is lost.
      }
    };
    setTimeout(keep, keepCodeAfterMs).unref();
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(join(root, entry)), module, filename, folder);
  return true;
};
