import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { readSdl, type SdlEntry } from "../edit/sdl.ts";
import { refuse } from "../fault.ts";
import { listFolder } from "../files.ts";

/** A file of `tables` or `functions`. */
export interface TrackedFile {
  readonly file: string;
  readonly text: string;
}

/** Lists of `actions.yaml` and of the folder's root, by name. */
export const listFiles = {
  actions: { file: "actions.yaml", at: ["actions"] },
  "custom_types.enums": { file: "actions.yaml", at: ["custom_types", "enums"] },
  "custom_types.input_objects": { file: "actions.yaml", at: ["custom_types", "input_objects"] },
  "custom_types.objects": { file: "actions.yaml", at: ["custom_types", "objects"] },
  "custom_types.scalars": { file: "actions.yaml", at: ["custom_types", "scalars"] },
  cron_triggers: { file: "cron_triggers.yaml", at: [] },
  inherited_roles: { file: "inherited_roles.yaml", at: [] },
} as const;

export type ListName = keyof typeof listFiles;

export const listNames = Object.keys(listFiles) as readonly ListName[];

export interface ReleaseMetadata {
  readonly tables: readonly TrackedFile[];
  readonly functions: readonly TrackedFile[];
  /** The texts of `actions.yaml`, `cron_triggers.yaml` and `inherited_roles.yaml`. */
  readonly files: Readonly<Record<string, string>>;
  readonly sdl: readonly SdlEntry[];
}

const known: ReadonlySet<string> = new Set([
  ...Object.values(listFiles).map(({ file }) => file),
  "actions.graphql",
  "version.yaml",
]);

const readTracked = async (
  metadata: string,
  list: "tables" | "functions",
  sample: readonly string[],
): Promise<readonly TrackedFile[]> => {
  const folder = `databases/default/${list}`;
  const files = (await listFolder(join(metadata, folder))).filter(
    (file) => file !== `${list}.yaml` && !sample.includes(`${folder}/${file}`),
  );
  return Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(metadata, folder, file), "utf8") })),
  );
};

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  (typeof value === "object" && Object.values(value).every((inner) => isEmpty(inner)));

/** Other files must be empty: nothing of a release is left behind silently. */
const refuseUnknown = async (folder: string): Promise<void> => {
  for (const file of await listFolder(folder)) {
    if (known.has(file) || !file.endsWith(".yaml")) continue;
    if (!isEmpty(parse(await readFile(join(folder, file), "utf8"))))
      throw refuse(
        "invalid-release",
        `the release has entries in metadata/${file}, which adopt cannot merge`,
        "use the version of hasura-usage that this release came with",
      );
  }
};

/** The product's part of a metadata folder; `sample` names the files of the sample application. */
export const readReleaseMetadata = async (
  folder: string,
  sample: readonly string[],
): Promise<ReleaseMetadata> => {
  await refuseUnknown(folder);
  const files = [...new Set(Object.values(listFiles).map(({ file }) => file))];
  const texts = await Promise.all(
    files.map(async (file) => [file, await readFile(join(folder, file), "utf8")] as const),
  );
  return {
    tables: await readTracked(folder, "tables", sample),
    functions: await readTracked(folder, "functions", sample),
    files: Object.fromEntries(texts),
    sdl: readSdl(await readFile(join(folder, "actions.graphql"), "utf8")),
  };
};
