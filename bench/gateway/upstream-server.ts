import { serve } from "../support/served.ts";

/** A Hasura that has its answer ready. */
const answer = Buffer.from('{"data":{"usage_current":[{"metric":"messages","used":1}]}}');

serve(
  (request, response) => {
    request.resume();
    request.once("end", () => {
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.setHeader("content-length", answer.length);
      response.end(answer);
    });
  },
  () => Promise.resolve(),
).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
