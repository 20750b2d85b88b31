import { LRUCache } from "lru-cache";
import {
  createSessionNames,
  HasuraError,
  type Clock,
  type Logger,
  type SessionNames,
} from "../../core/index.ts";
import { type AccessStore, type ApiKey, hashApiKey } from "../../domain/access/index.ts";
import type { Caller } from "../caller.ts";

export interface AccessDeps {
  readonly store: AccessStore;
  /** When memberships cannot be looked up: refuse, or trust the verified claim. Keys are always refused then. */
  readonly onOutage: "refuse" | "trust";
  /** What the tokens call roles; default the product's own names. */
  readonly sessionNames?: SessionNames | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The right to act for a workspace, as the database has it; kept for seconds, forgotten at once when it changes. */
export interface Access {
  /** Throws a refusal when the caller's role is not that of a member. */
  checkMember(caller: Pick<Caller, "role" | "workspaceId" | "userId">): Promise<void>;
  findKey(key: string): Promise<ApiKey>;
  watch(caller: Caller, ended: (reason: string) => void): () => void;
  /** Payload of the notification that a key or a membership changed; without one everything is forgotten. */
  forget(payload?: string): void;
}

const keptMs = 5_000;
const longestTimerMs = 2_000_000_000;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu;

/** Roles of a request, and the roles in the workspace that may take them; others act across workspaces. */
const mayAct: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["user", new Set(["owner", "admin", "member", "guest"])],
  ["workspace_admin", new Set(["owner", "admin"])],
]);

const forbidden = (): HasuraError =>
  new HasuraError({
    message: "this session may not act for that workspace",
    code: "workspace-forbidden",
    status: 403,
  });

const invalidKey = (): HasuraError =>
  new HasuraError({ message: "the API key is not valid", code: "invalid-api-key", status: 401 });

const unavailable = (cause: unknown): HasuraError =>
  new HasuraError({
    message: "who asks cannot be checked at the moment",
    code: "access-unavailable",
    status: 503,
    cause,
  });

export const createAccess = ({
  store,
  onOutage,
  sessionNames = createSessionNames(),
  clock,
  logger,
}: AccessDeps): Access => {
  const now = (): number => clock.now().getTime();
  const members = new LRUCache<string, { readonly role: string; readonly until: number }>({ max: 50_000 });
  const keys = new LRUCache<string, { readonly key: ApiKey; readonly until: number }>({ max: 10_000 });
  const watched = new Set<{ readonly name: string; readonly recheck: () => void }>();
  /** Raised with each forgetting: what was read before it is not kept. */
  let epoch = 0;

  const memberName = (workspaceId: string, userId: string): string =>
    `member:${workspaceId}:${userId}`.toLowerCase();

  const memberRole = async (workspaceId: string, userId: string): Promise<string | undefined> => {
    const name = memberName(workspaceId, userId);
    const known = members.get(name);
    if (known !== undefined && known.until > now()) return known.role;
    const asked = epoch;
    const role = await store.memberRole(workspaceId, userId);
    if (role !== undefined && asked === epoch) members.set(name, { role, until: now() + keptMs });
    return role;
  };

  const checkMember: Access["checkMember"] = async ({ role, workspaceId, userId }) => {
    const allowed = mayAct.get(sessionNames.roleOf(role));
    if (allowed === undefined || workspaceId === undefined) return;
    if (userId === undefined || !uuid.test(workspaceId) || !uuid.test(userId)) throw forbidden();
    let found: string | undefined;
    try {
      found = await memberRole(workspaceId, userId);
    } catch (error) {
      logger.warn({ err: error, workspaceId, onOutage }, "a membership could not be looked up");
      if (onOutage === "trust") return;
      throw unavailable(error);
    }
    if (found === undefined || !allowed.has(found)) throw forbidden();
  };

  const findKey = async (hash: string): Promise<ApiKey> => {
    const known = keys.get(hash);
    const isAlive = ({ expiresAt }: ApiKey): boolean =>
      expiresAt === undefined || expiresAt.getTime() > now();
    if (known !== undefined && known.until > now() && isAlive(known.key)) return known.key;
    const asked = epoch;
    let key: ApiKey | undefined;
    try {
      key = await store.findKey(hash);
    } catch (error) {
      logger.warn({ err: error }, "an API key could not be looked up");
      throw unavailable(error);
    }
    if (key === undefined || !isAlive(key)) throw invalidKey();
    if (asked === epoch) keys.set(hash, { key, until: now() + keptMs });
    return key;
  };

  const forget: Access["forget"] = (payload) => {
    epoch += 1;
    const name = payload?.toLowerCase();
    if (name === undefined) {
      members.clear();
      keys.clear();
    } else if (name.startsWith("member:")) members.delete(name);
    else for (const [hash, { key }] of keys) if (`key:${key.id}` === name) keys.delete(hash);
    for (const one of watched) if (name === undefined || one.name === name) one.recheck();
  };

  return {
    checkMember,
    findKey: (key) => findKey(hashApiKey(key)),
    forget,
    watch: (caller, ended) => {
      if (caller.kind !== "user" && caller.kind !== "service") return () => undefined;
      let cancel = (): void => undefined;
      const end = (reason: string): void => {
        stop();
        ended(reason);
      };
      const entry = {
        name:
          caller.kind === "service"
            ? `key:${caller.apiKeyId}`
            : memberName(caller.workspaceId ?? "", caller.userId ?? ""),
        recheck: () => {
          // A key that changed is to be presented again; a membership may still be one.
          if (caller.kind === "service") end("the API key has changed");
          else
            checkMember(caller).catch((error: unknown) => end(error instanceof Error ? error.message : ""));
        },
      };
      const stop = (): void => {
        watched.delete(entry);
        cancel();
      };
      const expire = (moment: Date): void => {
        const left = moment.getTime() - now();
        cancel = clock.schedule(Math.min(longestTimerMs, Math.max(0, left)), () => {
          if (left > longestTimerMs) expire(moment);
          else end("Token expired");
        });
      };
      watched.add(entry);
      if (caller.expiresAt !== undefined) expire(caller.expiresAt);
      return stop;
    },
  };
};
