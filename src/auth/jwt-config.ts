import { z } from "zod";

const algorithms = [
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS384",
  "RS512",
  "ES256",
  "ES384",
  "ES512",
  "Ed25519",
] as const;

const claimMapEntry = z.union([
  z.string(),
  z.array(z.string()),
  z.strictObject({
    path: z.string(),
    default: z.union([z.string(), z.array(z.string())]).optional(),
  }),
]);

export type ClaimMapEntry = z.infer<typeof claimMapEntry>;

const schema = z
  .strictObject({
    type: z.enum(algorithms).optional(),
    key: z.string().optional(),
    jwk_url: z.url().optional(),
    claims_namespace: z.string().optional(),
    claims_namespace_path: z.string().optional(),
    claims_format: z.enum(["json", "stringified_json"]).default("json"),
    claims_map: z.record(z.string(), claimMapEntry).optional(),
    audience: z.union([z.string(), z.array(z.string())]).optional(),
    issuer: z.string().optional(),
    allowed_skew: z.number().nonnegative().default(0),
    header: z
      .discriminatedUnion("type", [
        z.strictObject({ type: z.literal("Authorization") }),
        z.strictObject({ type: z.literal("Cookie"), name: z.string() }),
        z.strictObject({ type: z.literal("CustomHeader"), name: z.string() }),
      ])
      .default({ type: "Authorization" }),
  })
  .refine((value) => (value.key === undefined) !== (value.jwk_url === undefined), {
    message: "exactly one of key and jwk_url is needed",
  })
  .refine((value) => value.jwk_url !== undefined || value.type !== undefined, {
    message: "type is needed beside key",
  })
  .refine((value) => value.claims_namespace === undefined || value.claims_namespace_path === undefined, {
    message: "claims_namespace and claims_namespace_path exclude each other",
  });

export type JwtConfig = z.infer<typeof schema>;

/** Hasura's `HASURA_GRAPHQL_JWT_SECRET`: JSON text or the object itself; an unknown key is refused by name. */
export const parseJwtConfig = (input: unknown): JwtConfig => {
  let value = input;
  if (typeof input === "string") {
    try {
      value = JSON.parse(input);
    } catch {
      // The text holds the key, so it may not be repeated in the message.
      throw new Error("the JWT secret is not valid JSON");
    }
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${["jwt_secret", ...issue.path].join(".")}: ${issue.message}`,
  );
  throw new Error(`the JWT secret is not understood: ${problems.join("; ")}`);
};
