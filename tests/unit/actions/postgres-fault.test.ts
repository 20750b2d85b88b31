import { describe, expect, it } from "@jest/globals";
import { postgresFault } from "../../../actions/postgres-fault.ts";

const failure = (code: string, detail?: string): Error =>
  Object.assign(new Error("a sentence"), { code, detail });

const decision = {
  allowed: false,
  reason: "feature-not-in-plan",
  code: "feature-not-in-plan",
  message: "bots is not included in the plan: limit of 0, 0 used, 1 more requested",
  metric: "bots",
  amount: 1,
  used: 0,
  limit: 0,
  workspaceId: "00000000-0000-4000-8000-000000000002",
};

describe("postgresFault", () => {
  it("takes code, sentence and figures of a refused statement from DETAIL", () => {
    const { message, workspaceId: _, ...extensions } = decision;
    expect(postgresFault(failure("23U01", JSON.stringify(decision)))).toMatchObject({
      kind: "denied",
      code: "feature-not-in-plan",
      message,
      extensions,
    });
  });

  it.each([
    ["no detail", "23U01", undefined],
    ["a detail that is no JSON", "23U01", "Key (id)=(1) exists"],
    ["a detail without a reason", "23U01", '{"message": "a"}'],
    ["another SQLSTATE", "23505", JSON.stringify(decision)],
  ])("leaves an error with %s to be an internal one", (_what, code, detail) => {
    expect(postgresFault(failure(code, detail))).toBeNull();
  });

  it("says that the database is not available when the server shuts down", () => {
    expect(postgresFault(failure("57P01"))).toMatchObject({ kind: "unavailable", code: "unavailable" });
  });
});
