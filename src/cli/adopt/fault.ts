import { AppError } from "../../core/index.ts";

/** Why a project cannot be adopted, upgraded or left as asked. */
export interface Fault {
  readonly code:
    | "invalid-option"
    | "invalid-project"
    | "missing-source"
    | "name-conflict"
    | "schema-conflict"
    | "tenant-table"
    | "member-table"
    | "role-conflict"
    | "migrations-fail"
    | "invalid-release"
    | "interrupted";
  /** One line: what is wrong, and where. */
  readonly message: string;
  /** One line: what to do. */
  readonly advice: string;
}

/** Carries faults out of the middle of a check. */
export class AdoptionRefused extends AppError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super({
      kind: "conflict",
      code: "adoption-refused",
      message: faults.map(({ message }) => message).join("; "),
    });
    this.faults = faults;
  }
}

export const refuse = (code: Fault["code"], message: string, advice: string): AdoptionRefused =>
  new AdoptionRefused([{ code, message, advice }]);

/** Runs a check that may throw faults, and returns those it finds. */
export const faultsOf = async (check: () => Promise<readonly Fault[]>): Promise<readonly Fault[]> => {
  try {
    return await check();
  } catch (error) {
    if (error instanceof AdoptionRefused) return error.faults;
    throw error;
  }
};
