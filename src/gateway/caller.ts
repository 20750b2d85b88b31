/** What every caller has; optional members are undefined where the kind has no such thing. */
interface CallerBase {
  /** The role the request runs as. */
  readonly role: string;
  /** Network address of the client, as far as trusted proxies tell it. */
  readonly address: string;
  /** The tenant that the request counts for: out of the verified token or key, never out of a client's header. */
  readonly workspaceId: string | undefined;
  readonly userId: string | undefined;
  readonly apiKeyId: string | undefined;
}

/** No token and no key: runs as the unauthorized role. */
export interface AnonymousCaller extends CallerBase {
  readonly kind: "anonymous";
  readonly workspaceId: undefined;
  readonly userId: undefined;
  readonly apiKeyId: undefined;
}

/** A verified token. Without a workspace claim it belongs to no tenant. */
export interface UserCaller extends CallerBase {
  readonly kind: "user";
  readonly apiKeyId: undefined;
  /** When the token ends. */
  readonly expiresAt: Date | undefined;
}

/** A workspace API key: a backend that acts for one workspace. */
export interface ServiceCaller extends CallerBase {
  readonly kind: "service";
  readonly workspaceId: string;
  readonly userId: undefined;
  readonly apiKeyId: string;
  readonly scopes: ReadonlySet<string>;
  readonly expiresAt: Date | undefined;
}

/** Holds the admin secret; workspace and user are what it says about whom it acts for. */
export interface AdminCaller extends CallerBase {
  readonly kind: "admin";
  readonly apiKeyId: undefined;
}

export type Caller = AnonymousCaller | UserCaller | ServiceCaller | AdminCaller;
