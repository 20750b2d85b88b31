import type { Logger } from "../../core/index.ts";
import type { Deadline, GatewayRequest, GatewayStage, Outcome, Refused } from "../stage.ts";
import { refusals } from "./refusal.ts";

export interface StageResult {
  /** Undefined when every stage let the request through. */
  readonly refused: (Refused & { readonly by: string }) | undefined;
  /** For the HTTP answer, of all stages. */
  readonly headers: Readonly<Record<string, string>>;
  readonly deadline: Deadline | undefined;
  /** To be called once, when the end of the request is known. */
  settle(outcome: Outcome): void;
}

export type RunStages = (request: GatewayRequest) => Promise<StageResult>;

/** A stage that fails refuses with an internal error: what it would have counted or limited is not let through. */
export const createStageRunner = (stages: readonly GatewayStage[], logger: Logger): RunStages => {
  const failed = (error: unknown, stage: GatewayStage, { id }: GatewayRequest): void =>
    logger.error({ err: error, stage: stage.name, requestId: id }, "a stage of the gateway failed");

  return async (request) => {
    const admitted: GatewayStage[] = [];
    const undos: { readonly stage: GatewayStage; readonly undo: () => void }[] = [];
    const headers: Record<string, string> = {};
    let refused: StageResult["refused"];
    let deadline: Deadline | undefined;
    for (const stage of stages) {
      try {
        const pending = stage.admit(request);
        // Most stages answer at once; a turn of the event loop for each would cost more than they do.
        const admission = pending instanceof Promise ? await pending : pending;
        admitted.push(stage);
        if (admission.headers !== undefined) Object.assign(headers, admission.headers);
        if (!admission.allowed) refused = { ...admission, by: stage.name };
        else {
          if (admission.undo !== undefined) undos.push({ stage, undo: admission.undo });
          if (admission.deadline !== undefined && admission.deadline.ms < (deadline?.ms ?? Infinity))
            deadline = admission.deadline;
        }
      } catch (error) {
        failed(error, stage, request);
        refused = { ...refusals.internal, by: stage.name };
      }
      if (refused !== undefined) break;
    }
    if (refused !== undefined)
      for (const { stage, undo } of undos) {
        try {
          undo();
        } catch (error) {
          failed(error, stage, request);
        }
      }
    return {
      refused,
      headers,
      deadline,
      settle: (outcome) => {
        for (const stage of admitted) {
          try {
            stage.settle?.(request, outcome);
          } catch (error) {
            failed(error, stage, request);
          }
        }
      },
    };
  };
};
