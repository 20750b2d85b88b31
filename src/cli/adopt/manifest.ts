import { z } from "zod";
import { productRoles } from "../../core/index.ts";
import type { Choices } from "./options.ts";
import { refuse } from "./fault.ts";

export const manifestPath = "hasura-usage.json";

const table = z.object({ schema: z.string(), name: z.string() });

const choices = z.object({
  source: z.string(),
  /** With the column that is its key. */
  tenant: table.extend({ key: z.string() }).optional(),
  members: table
    .extend({ tenantColumn: z.string(), userColumn: z.string(), roleColumn: z.string().optional() })
    .optional(),
  names: z.object({
    userClaim: z.string(),
    tenantClaim: z.string(),
    roles: z.array(z.object({ theirs: z.string(), ours: z.enum(productRoles) })),
  }),
});

const file = z.object({
  path: z.string(),
  /** Of the bytes as written. */
  sha256: z.string(),
  /** Of what a YAML file says; the same as `sha256` of any other file. */
  content: z.string(),
});

const entry = z.object({
  /** Which list: tables, functions, actions, custom_types.objects, cron_triggers, ... or sdl. */
  list: z.string(),
  name: z.string(),
  /** Of what the entry says. */
  sha256: z.string(),
});

const merged = z.object({
  path: z.string(),
  /** The file before; null where there was none, absent where it had entries of its own. */
  before: z.string().nullable().optional(),
  /** Places that were absent (null) or empty, in the order in which they were filled. */
  placeholders: z.array(
    z.object({ at: z.array(z.union([z.string(), z.number()])), was: z.string().nullable() }),
  ),
  entries: z.array(entry),
});

const schema = z.object({
  product: z.literal("hasura-usage"),
  format: z.literal(1),
  release: z.string(),
  options: choices,
  /** What of the product's SQL is installed. */
  sql: z.object({
    migrations: z.array(z.string()),
    hooks: z.array(z.string()),
  }),
  /** Migrations that this tool added to the project, in order, each with its files. */
  migrations: z.array(z.object({ name: z.string(), files: z.array(file) })),
  /** Other files that are wholly ours. */
  files: z.array(file),
  /** Files of the project with entries of ours. */
  merged: z.array(merged),
});

export type Manifest = z.infer<typeof schema>;
export type ManifestFile = z.infer<typeof file>;
export type MergedFile = z.infer<typeof merged>;
export type MergedEntry = z.infer<typeof entry>;

export const renderManifest = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** What was chosen at the installation. */
export const choicesOf = ({ options }: Manifest): Choices => ({
  source: options.source,
  tenant: options.tenant,
  members:
    options.members === undefined
      ? undefined
      : { ...options.members, roleColumn: options.members.roleColumn },
  names: options.names,
});

/** Reads `hasura-usage.json`; undefined where the project is not adopted. */
export const parseManifest = (text: string | null): Manifest | undefined => {
  if (text === null) return undefined;
  const advice = `restore ${manifestPath} from version control: it says what is ours in this project`;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw refuse("invalid-project", `${manifestPath} is not JSON`, advice);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refuse(
    "invalid-project",
    `${manifestPath}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not valid"}`,
    advice,
  );
};
