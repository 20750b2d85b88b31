import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { serverAudits } from "graphql-http";
import { doorKinds, startTestHouse, type TestHouse } from "../../support/doors.ts";

/** What the audits ask for and Hasura does otherwise; docs/known-differences.md tells it. */
const contradicted = {
  "answers 200 to bodies that are no JSON or hold no request": [
    ...["BCF8", "B7N8", "A5BF", "423L", "8764", "3E3A"],
    ...["LKJ0", "LKJ1", "LKJ2", "LKJ3"],
    ...["6C00", "6C01", "6C02", "6C03"],
    ...["4760", "4761", "4762", "4763"],
  ],
  "answers 200 to documents and variables that are not valid": ["865D", "556A", "51FE", "74FF", "86EE"],
  "sends application/json, whatever the client accepts": ["22EB"],
  "does not look at extensions of a request": ["58B0", "58B1", "58B2", "58B3"],
  "does not ask for the type of a body": ["9ABE"],
  "takes no GET": ["5A70", "6A70", "D6D5"],
} as const;

let house: TestHouse;
beforeAll(async () => {
  house = await startTestHouse();
}, 120_000);
afterAll(() => house.stop());

describe.each(doorKinds)("GraphQL over HTTP in front of the %s engine", (kind) => {
  it("fails in exactly those audits that Hasura's ways contradict, and in none that is a must", async () => {
    const failed: string[] = [];
    const musts: string[] = [];
    for (const audit of serverAudits({ url: () => `${house.doors[kind].url}/v1/graphql`, fetchFn: fetch })) {
      const { id, name, status } = await audit.fn();
      if (status === "ok") continue;
      failed.push(id);
      if (name.startsWith("MUST")) musts.push(`${id} ${name}`);
    }
    expect(musts).toEqual([]);
    expect(failed.sort()).toEqual(Object.values(contradicted).flat().sort());
  });

  it.each(["GET", "PUT", "DELETE"])("%s is no way to ask", async (method) => {
    const answer = await fetch(`${house.doors[kind].url}/v1/graphql?query={__typename}`, { method });
    expect([answer.status, await answer.json()]).toEqual([
      404,
      { path: "$", error: "resource does not exist", code: "not-found" },
    ]);
  });
});
