import { z } from "zod";

/** What decides where deliveries may go; read by the actions server and by the whole product alike. */
export const deliveryEnv = {
  WEBHOOK_ALLOW_PRIVATE: z.stringbool().default(false),
  WEBHOOK_ALLOW_HTTP: z.stringbool().default(false),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//u, "must be an address that begins with smtp:// or smtps://")
    .optional(),
  SMTP_FROM: z.string().default("Hasura Usage <usage@localhost>"),
};

const deliverySchema = z.object(deliveryEnv);

export type DeliverySettings = z.infer<typeof deliverySchema>;

export const readDeliverySettings = (env: Readonly<Record<string, unknown>>): DeliverySettings =>
  deliverySchema.parse(env);
