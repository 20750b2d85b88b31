import { z } from "zod";
import { createSessionNames, type SessionNames } from "../../core/index.ts";

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What callers are told apart by. The session variables are those that the gateway itself verifies. */
const uniqueParams = ({ userClaim, tenantClaim }: SessionNames) =>
  z.union([
    z.string().regex(/^ip$/iu, "must be IP or a list of session variables"),
    z.array(
      z
        .enum([userClaim, tenantClaim], { error: `the gateway knows ${userClaim} and ${tenantClaim} only` })
        .transform((name) => (name === userClaim ? ("user" as const) : ("workspace" as const))),
    ),
  ]);

const limitOf = <T extends z.ZodType>(value: T) =>
  z
    .strictObject({
      global: value,
      per_role: z.record(z.string().min(1), value).nullish(),
      state: z.enum(["enabled", "disabled"]).nullish(),
    })
    .nullish();

const shapeOf = (names: SessionNames) =>
  z.strictObject({
    disabled: z.boolean().nullish(),
    depth_limit: limitOf(count),
    node_limit: limitOf(count),
    batch_limit: limitOf(count),
    time_limit: limitOf(z.number().positive().max(86_400)),
    rate_limit: limitOf(
      z.strictObject({ max_reqs_per_min: count, unique_params: uniqueParams(names).nullish() }),
    ),
  });

export interface RoleRate {
  readonly perMinute: number;
  readonly by: "ip" | readonly ("user" | "workspace")[];
}

/** What holds for one role; undefined is no limit. */
export interface RoleLimits {
  readonly depth: number | undefined;
  readonly nodes: number | undefined;
  readonly batch: number | undefined;
  readonly seconds: number | undefined;
  readonly rate: RoleRate | undefined;
}

export interface ApiLimits {
  /** What holds for nobody needs no stage. */
  readonly isEmpty: boolean;
  of(role: string): RoleLimits;
}

interface Limit<T> {
  readonly global: T;
  readonly per_role?: Readonly<Record<string, T>> | null | undefined;
  readonly state?: "enabled" | "disabled" | null | undefined;
}

const forRole = <T>(limit: Limit<T> | null | undefined, role: string): T | undefined => {
  if (limit === null || limit === undefined || limit.state === "disabled") return undefined;
  const own = limit.per_role ?? {};
  return Object.hasOwn(own, role) ? own[role] : limit.global;
};

/** Reads the content of `api_limits.yaml`, Hasura's own format; throws one line that names a wrong or unknown key. */
export const parseApiLimits = (content: unknown, names: SessionNames = createSessionNames()): ApiLimits => {
  const parsed = shapeOf(names).safeParse(content ?? {});
  if (!parsed.success)
    throw new Error(
      `api_limits.yaml: ${parsed.error.issues
        .map(({ path, message }) => [path.join("."), message].filter((part) => part !== "").join(": "))
        .join("; ")}`,
    );
  const { disabled, ...limits } = parsed.data;
  const set = Object.values(limits).filter((limit) => limit !== null && limit !== undefined);
  const known = new Map<string, RoleLimits>();
  const read = (role: string): RoleLimits => {
    const found = forRole(limits.rate_limit, role);
    const by = found?.unique_params ?? [];
    return {
      depth: forRole(limits.depth_limit, role),
      nodes: forRole(limits.node_limit, role),
      batch: forRole(limits.batch_limit, role),
      seconds: forRole(limits.time_limit, role),
      rate:
        found === undefined
          ? undefined
          : { perMinute: found.max_reqs_per_min, by: typeof by === "string" ? "ip" : by },
    };
  };
  return {
    isEmpty: disabled === true || set.length === 0,
    of: (role) => {
      const kept = known.get(role);
      if (kept !== undefined) return kept;
      const made = read(role);
      // Roles come out of verified tokens, and there are few of them; a thousand is beyond any doubt.
      if (known.size < 1_000) known.set(role, made);
      return made;
    },
  };
};
