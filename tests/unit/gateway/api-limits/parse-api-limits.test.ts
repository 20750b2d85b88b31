import { describe, expect, it } from "@jest/globals";
import { parseApiLimits } from "../../../../src/gateway/index.ts";

const none = { depth: undefined, nodes: undefined, batch: undefined, seconds: undefined, rate: undefined };

describe("api_limits.yaml", () => {
  it("gives a role its own limit before the global one", () => {
    const limits = parseApiLimits({
      depth_limit: { global: 5, per_role: { user: 3 } },
      node_limit: { global: 20 },
      batch_limit: { global: 2, per_role: { user: 0 } },
      time_limit: { global: 10, per_role: { user: 2.5 } },
      rate_limit: {
        global: { max_reqs_per_min: 100, unique_params: "IP" },
        per_role: {
          user: { max_reqs_per_min: 10, unique_params: ["x-hasura-user-id"] },
          service: { max_reqs_per_min: 7 },
        },
      },
    });
    expect(limits.isEmpty).toBe(false);
    expect(limits.of("user")).toEqual({
      depth: 3,
      nodes: 20,
      batch: 0,
      seconds: 2.5,
      rate: { perMinute: 10, by: ["user"] },
    });
    expect(limits.of("service").rate).toEqual({ perMinute: 7, by: [] });
    expect(limits.of("toString")).toMatchObject({ depth: 5, rate: { perMinute: 100, by: "ip" } });
  });

  it("is empty where nothing is set, or all is disabled, and passes over a limit that is", () => {
    for (const content of [
      {},
      null,
      undefined,
      { disabled: false },
      { disabled: true, depth_limit: { global: 1 } },
    ])
      expect(parseApiLimits(content).isEmpty).toBe(true);
    expect(parseApiLimits({ depth_limit: { global: 1, state: "disabled" } }).of("user")).toEqual(none);
  });

  it.each([
    [{ width_limit: { global: 1 } }, "width_limit"],
    [{ depth_limit: { per_role: { user: 1 } } }, "depth_limit.global"],
    [{ depth_limit: { global: -1 } }, "depth_limit.global"],
    [{ node_limit: { global: 1, per_rule: {} } }, "per_rule"],
    [{ rate_limit: { global: { max_reqs_per_min: 1, unique_params: "MAC" } } }, "unique_params"],
    [
      { rate_limit: { global: { max_reqs_per_min: 1, unique_params: ["x-hasura-team-id"] } } },
      "unique_params",
    ],
    [{ time_limit: { global: 0 } }, "time_limit.global"],
    [{ disabled: "no" }, "disabled"],
    [[], "object"],
  ])("refuses %j by name", (content, name) => {
    expect(() => parseApiLimits(content)).toThrow(new RegExp(`api_limits\\.yaml.*${name}`, "u"));
  });
});
