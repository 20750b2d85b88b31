import { serve } from "../support/served.ts";

/** A webhook that decides nothing: what is measured is the way to it and back. */
const decision = Buffer.from(
  JSON.stringify({
    allowed: true,
    reason: null,
    metric: "ai_queries",
    amount: 1,
    used: 41,
    reserved: 0,
    limit: 100,
    remaining: 59,
    resetsAt: "2030-01-01T00:00:00Z",
    retryAfterSeconds: null,
    reservationId: null,
    upgrade: null,
  }),
);

void serve(
  (request, response) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/json", "content-length": decision.length });
      response.end(decision);
    });
  },
  () => Promise.resolve(),
);
