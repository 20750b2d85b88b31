import {
  createRemoteJWKSet,
  errors,
  importSPKI,
  importX509,
  jwtVerify,
  type CryptoKey,
  type JWTPayload,
  type JWTVerifyGetKey,
} from "jose";

import type { Clock } from "../core/index.ts";
import { HasuraError } from "../core/index.ts";
import type { JwtConfig } from "./jwt-config.ts";

export type VerifyToken = (token: string) => Promise<JWTPayload>;

const joseNames: Readonly<Record<string, readonly string[]>> = { Ed25519: ["EdDSA", "Ed25519"] };
const asymmetric = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

const refuse = (reason: string, cause?: unknown): HasuraError =>
  new HasuraError({ message: `Could not verify JWT: ${reason}`, code: "invalid-jwt", cause });

const partsOf = (token: string): number => token.split(".").length;

const reasonOf = (error: unknown): string => {
  if (error instanceof errors.JWTExpired) return "JWTExpired";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "aud") return "JWTNotInAudience";
    if (error.claim === "iss") return "JWTNotInIssuer";
    if (error.claim === "nbf") return "JWTNotYetValid";
    return `JWTClaimsSetDecodeError "${error.claim}"`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "JWSError JWSInvalidSignature";
  if (error instanceof errors.JOSEAlgNotAllowed) return "JWSError JWSInvalidSignature";
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return "JWSError NoUsableKeys";
  }
  if (error instanceof errors.JWTInvalid) return 'JWTClaimsSetDecodeError "invalid claims"';
  return 'JWSError (JSONDecodeError "invalid token")';
};

type KeySource = Uint8Array | CryptoKey | JWTVerifyGetKey;

const readKey = async (config: JwtConfig): Promise<KeySource> => {
  if (config.jwk_url !== undefined) return createRemoteJWKSet(new URL(config.jwk_url));
  const key = config.key ?? "";
  const algorithm = config.type ?? "HS256";
  if (algorithm.startsWith("HS")) {
    const bytes = new TextEncoder().encode(key);
    const needed = Number(algorithm.slice(2)) / 8;
    if (bytes.length < needed)
      throw new Error(`the JWT key is too short: ${algorithm} needs at least ${needed} bytes`);
    return bytes;
  }
  const pem = key.includes("\\n") ? key.replaceAll("\\n", "\n") : key;
  return pem.includes("BEGIN CERTIFICATE") ? importX509(pem, algorithm) : importSPKI(pem, algorithm);
};

/** Reads the key at once, so that a wrong setting stops the start instead of every request. */
export const createTokenVerifier = async (config: JwtConfig, clock: Clock): Promise<VerifyToken> => {
  const key = await readKey(config);
  const algorithms = config.type === undefined ? asymmetric : [...(joseNames[config.type] ?? [config.type])];
  return async (token) => {
    const parts = partsOf(token);
    if (parts !== 3) {
      throw refuse(`JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got ${parts})`);
    }
    const options = {
      algorithms,
      clockTolerance: config.allowed_skew,
      currentDate: clock.now(),
      ...(config.audience === undefined ? {} : { audience: config.audience }),
      ...(config.issuer === undefined ? {} : { issuer: config.issuer }),
    };
    try {
      const { payload } =
        typeof key === "function"
          ? await jwtVerify(token, key, options)
          : await jwtVerify(token, key, options);
      return payload;
    } catch (error) {
      throw refuse(reasonOf(error), error);
    }
  };
};
