import { type Request, type RequestHandler } from "express";
import { AppError } from "../../core/index.ts";
import { beginRefusal } from "./answer.ts";
import { noWorkspace, report, runGate } from "./run-gate.ts";
import { type RequestStandings } from "./standing-of-request.ts";
import { type GateOptions, type PlanGatesDeps, type Refusal } from "./types.ts";
import { capUpload, lingerOverBody } from "./upload-cap.ts";

export interface CheckUploadOptions extends GateOptions {
  /**
   * The size of a file that does not come with this request, such as one that will be uploaded to a store by a signed address. Null
   * where the request names none, which is refused. Without it the body of the request is the file.
   */
  readonly sizeOf?: (request: Request) => number | bigint | null;
  /** What a body may have beside the file: 16 KiB for `multipart/form-data` and nothing otherwise, unless set. */
  readonly framingBytes?: number;
}

const multipartFraming = 16_384;

// A JSON number holds a size up to here exactly.
const asJson = (bytes: bigint): number | string =>
  bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : String(bytes);

const declaredLength = (request: Request): bigint | null => {
  const header = request.headers["content-length"];
  return header !== undefined && /^\d+$/u.test(header) ? BigInt(header) : null;
};

const isSize = (size: number | bigint): boolean =>
  typeof size === "bigint" ? size >= 0n : Number.isSafeInteger(size) && size >= 0;

const tooLarge = (): AppError =>
  new AppError({
    kind: "denied",
    code: "file-too-large",
    message: "The file is larger than the plan allows.",
  });

export const checkUpload = (
  deps: PlanGatesDeps,
  standings: RequestStandings,
  options: CheckUploadOptions,
): RequestHandler =>
  runGate({
    deps,
    gate: "size",
    onOutage: options.onOutage,
    judge: async ({ request, response, workspaceId }) => {
      const standing = await standings.read(request, workspaceId);
      if (standing === null) return noWorkspace("size");
      const { maxFileBytes } = standing;
      const currentPlan = { id: standing.plan.id, name: standing.plan.name };
      const refusal = async (maxBytes: bigint, size: bigint | null): Promise<Refusal> => {
        const bytes = size ?? maxBytes + 1n;
        return {
          gate: "size",
          status: 413,
          code: "file-too-large",
          reason: `The plan ${currentPlan.name} allows files of ${String(maxBytes)} bytes.`,
          currentPlan,
          upgrade: (await standings.wayOut(workspaceId, { kind: "file", bytes })).upgrade,
          retryAfterSeconds: null,
          details: {
            kind: "size",
            maxBytes: asJson(maxBytes),
            sizeBytes: size === null ? null : asJson(size),
          },
        };
      };

      if (options.sizeOf !== undefined) {
        const size = options.sizeOf(request);
        if (size === null || !isSize(size)) {
          return {
            gate: "size",
            status: 400,
            code: "invalid-input",
            reason: "The size of the file is missing or is no whole number of bytes.",
            currentPlan,
            upgrade: null,
            retryAfterSeconds: null,
            details: {
              kind: "size",
              maxBytes: maxFileBytes === null ? 0 : asJson(maxFileBytes),
              sizeBytes: null,
            },
          };
        }
        return maxFileBytes === null || BigInt(size) <= maxFileBytes
          ? null
          : refusal(maxFileBytes, BigInt(size));
      }

      if (maxFileBytes === null) return null;
      if (request.readableDidRead) {
        throw new AppError({
          kind: "internal",
          code: "body-already-read",
          message: "checkFileUploadSize must come before whatever reads the body",
        });
      }
      const framing =
        options.framingBytes ?? (request.is("multipart/form-data") === false ? 0 : multipartFraming);
      const maxBytes = maxFileBytes + BigInt(framing);
      const declared = declaredLength(request);
      // Of a body of unknown length this much is here already, or all of it.
      const arrived = BigInt(request.readableLength);
      if ((declared ?? arrived) > maxBytes) {
        const discard = lingerOverBody(request, deps.clock, () => request.destroy());
        request.on("data", (chunk: Buffer) => discard(chunk.length));
        return refusal(maxFileBytes, declared);
      }
      // The parser never hands on more than was declared.
      if (declared !== null) return null;
      capUpload({
        request,
        response,
        clock: deps.clock,
        maxBytes,
        error: tooLarge,
        onTooLarge: async () => {
          report(deps, { gate: "size", outcome: "refused", code: "file-too-large", workspaceId });
          try {
            const built = await refusal(maxFileBytes, null);
            // An answer that has begun can only be cut off, with its request.
            if (response.headersSent) request.destroy(tooLarge());
            else beginRefusal(response, built, deps.upgradeUrl);
          } catch (error) {
            deps.logger.error({ err: error }, "the refusal of an upload could not be built");
          }
        },
      });
      return null;
    },
  });
