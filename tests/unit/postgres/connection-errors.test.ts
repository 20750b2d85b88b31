import { describe, expect, it } from "@jest/globals";

import { AppError } from "../../../src/core/index.ts";
import { toDatabaseError } from "../../../src/postgres/connection-errors.ts";

const withCode = (code: string, message = "secret text"): Error =>
  Object.assign(new Error(message), { code });

describe("toDatabaseError", () => {
  it.each(["ECONNREFUSED", "ENOTFOUND", "57P01", "57P03", "53300", "08006", "28P01", "3D000"])(
    "takes %s for an outage without repeating its text",
    (code) => {
      const error = toDatabaseError(withCode(code));
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({
        kind: "unavailable",
        code: "database-unavailable",
        context: { reason: code },
      });
      expect((error as AppError).message).not.toContain("secret");
    },
  );

  it("looks into the errors of several addresses", () => {
    const error = toDatabaseError(new AggregateError([withCode("ECONNREFUSED"), withCode("ECONNREFUSED")]));
    expect(error).toMatchObject({ kind: "unavailable" });
  });

  it.each(["Connection terminated unexpectedly", "timeout exceeded when trying to connect"])(
    "knows what the driver says without a code: %s",
    (message) => {
      expect(toDatabaseError(new Error(message))).toMatchObject({ kind: "unavailable" });
    },
  );

  it.each([withCode("23505"), withCode("23U01"), withCode("40001"), new Error("other"), "text"])(
    "leaves everything else as it is",
    (error) => {
      expect(toDatabaseError(error)).toBe(error);
    },
  );
});
