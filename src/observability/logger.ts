import { type DestinationStream, pino } from "pino";
import { type Logger } from "../core/index.ts";

export interface AppLoggerOptions {
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Words that may stand in no line, whatever the way into it: secrets of this installation. */
  readonly secrets: readonly string[];
}

const replacement = "[redacted]";

const names =
  "authorization|proxy-authorization|cookie|set-cookie|x-api-key|x-hasura-admin-secret|x-action-secret|password|secret|token|jwt|api_?key";

/** Names whose values are secret wherever they stand in what is logged. */
const secretNames = new RegExp(`("(?:${names})"\\s*:\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|\\[[^\\]]*\\])`, "giu");

/** The same inside of a text that holds JSON itself. */
const quotedNames = new RegExp(`(\\\\+"(?:${names})\\\\+"\\s*:\\s*\\\\+")(?:(?!\\\\+").)*`, "giu");

/** Secrets by their shape: tokens, keys of workspaces, secrets of webhooks, passwords in addresses, credentials in headers. */
const secretShapes: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]{6,}\.[\w-]*(?:\.[\w-]*)?/gu, replacement],
  [/\bhu_[\w-]{8,}/gu, replacement],
  [/\bwhsec_[\w+/=-]{8,}/gu, replacement],
  [/\b(postgres(?:ql)?|rediss?|smtps?|https?):\/\/[^\s/@"\\]*:[^\s/@"\\]*@/giu, `$1://${replacement}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{6,}/giu, `$1 ${replacement}`],
];

/** Shorter ones would take words out of every line. */
const minimumSecret = 6;

/** Takes secrets out of a finished line: by name, by shape, and by heart. */
export const createScrubber = (secrets: readonly string[]): ((line: string) => string) => {
  const words = secrets
    .filter((secret) => secret.length >= minimumSecret)
    // As it is, and as it stands inside of a JSON text.
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .sort((left, right) => right.length - left.length);
  return (line) => {
    let clean = line;
    for (const word of words) clean = clean.replaceAll(word, replacement);
    clean = clean.replace(secretNames, `$1"${replacement}"`).replace(quotedNames, `$1${replacement}`);
    for (const [shape, instead] of secretShapes) clean = clean.replace(shape, instead);
    return clean;
  };
};

/** The log of a process: one JSON object a line, and no secret in any of them. */
export const createAppLogger = ({ level, destination, secrets }: AppLoggerOptions): Logger => {
  const scrub = createScrubber(secrets);
  const { err } = pino.stdSerializers;
  // Under any other name an error has neither message nor stack.
  const options = { level, serializers: { err, error: err }, hooks: { streamWrite: scrub } };
  return pino(options, destination ?? pino.destination(1));
};
