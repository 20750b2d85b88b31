import { type Clock, type Database, type Logger } from "../src/core/index.ts";
import { type Tracker } from "../src/domain/analytics/index.ts";
import { type Gate } from "../src/domain/gate/index.ts";
import { type AlertQueue, type Delivery } from "./delivery/index.ts";
import { type z } from "zod";

/** What every handler may use; handed in by `createActionsApp`. */
export interface HandlerDeps {
  readonly database: Database;
  readonly gate: Gate;
  readonly tracker: Tracker;
  readonly alerts: AlertQueue;
  readonly delivery: Delivery;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The verified identity of an action call: session variables of Hasura, never the input. */
export interface Session {
  readonly role: string;
  readonly userId: string | null;
  readonly workspaceId: string | null;
}

export interface ActionHandler<Input = never> {
  readonly input: z.ZodType<Input>;
  readonly run: (input: Input, session: Session, deps: HandlerDeps) => Promise<unknown>;
}

export interface CronDelivery {
  readonly name: string;
  readonly scheduledTime: Date;
}

/** Runs at least once a delivery; the window comes from `scheduledTime`, never from the clock. */
export type CronHandler = (delivery: CronDelivery, deps: HandlerDeps) => Promise<unknown>;

/** Ties the schema and the function so that the registry can hold handlers of different inputs. */
export function defineAction<Input>(handler: ActionHandler<Input>): ActionHandler<unknown> {
  return {
    input: handler.input,
    run: (input, session, deps) => handler.run(input as Input, session, deps),
  };
}

/** What an event trigger of Hasura reports: a row as it is now. */
export interface EventDelivery<Row> {
  /** The same in every delivery of the event. */
  readonly eventId: string;
  readonly row: Row;
}

export interface EventHandler<Row = never> {
  readonly row: z.ZodType<Row>;
  /** Runs at least once a delivery; its effects are keyed by the event's id or by the row's. */
  readonly run: (event: EventDelivery<Row>, deps: HandlerDeps) => Promise<unknown>;
}

/** As `defineAction`, for event triggers. */
export function defineEvent<Row>(handler: EventHandler<Row>): EventHandler<unknown> {
  return {
    row: handler.row,
    run: ({ eventId, row }, deps) => handler.run({ eventId, row: row as Row }, deps),
  };
}
