/** A shorter password may be a word that every line has, "postgres" for one. */
const shortestPassword = 12;

const passwordsOf = (address: string): readonly string[] => {
  if (!URL.canParse(address)) return [];
  const { password } = new URL(address);
  return password.length < shortestPassword ? [] : [password, decodeURIComponent(password)];
};

/** An address, and what in it is secret alone too, as drivers take it apart. */
export const wordsOfAddress = (address: string | undefined): readonly string[] =>
  address === undefined ? [] : [address, ...passwordsOf(address)];

/** The value of Hasura's setting for tokens, and its key alone. */
export const wordsOfJwtSecret = (jwtSecret: string): readonly string[] => {
  try {
    const parsed: unknown = JSON.parse(jwtSecret);
    const key = typeof parsed === "object" && parsed !== null && "key" in parsed ? parsed.key : undefined;
    return [jwtSecret, ...(typeof key === "string" ? [key] : [])];
  } catch {
    return [jwtSecret];
  }
};

/**
 * Values of variables that are secret by their names, and passwords in addresses: the headers of webhooks are taken from
 * variables that nobody has told of.
 */
export const secretVariables = (env: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value.length < shortestPassword) return [];
    return /SECRET|PASSWORD|TOKEN|API_?KEY|PRIVATE_KEY|CREDENTIAL/iu.test(name)
      ? [value]
      : passwordsOf(value);
  });
