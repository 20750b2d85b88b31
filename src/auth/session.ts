/** Who asks: the role and the session variables that permissions read. */
export interface Session {
  readonly role: string;
  /** Lower-cased names with their text values, `x-hasura-role` included. */
  readonly variables: Readonly<Record<string, string>>;
  readonly isAdmin: boolean;
  /** A trusted backend asked for the fields that are kept from browsers. */
  readonly backendOnly: boolean;
  /** When the token ends; a WebSocket closes at that moment. */
  readonly expiresAt?: Date;
}

export interface SessionOptions {
  readonly backendOnly?: boolean;
  readonly expiresAt?: Date | undefined;
}

export const createSession = (
  role: string,
  variables: Readonly<Record<string, string>>,
  options: SessionOptions = {},
): Session => ({
  role,
  variables: { ...variables, "x-hasura-role": role },
  isAdmin: role === "admin",
  backendOnly: options.backendOnly ?? false,
  ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
});
