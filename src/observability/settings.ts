import { z } from "zod";

/** Read by the actions server and by the whole product alike. */
export const errorReportUrl = z
  .url({ protocol: /^https?$/u, error: "must be an address that begins with https:// or http://" })
  .optional();
