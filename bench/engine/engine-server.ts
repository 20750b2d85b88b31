import { serve } from "../support/served.ts";
import { openBenchEngine } from "./bench-engine.ts";

const main = async (): Promise<void> => {
  const { engine, statements, close } = await openBenchEngine(16);
  await serve(engine.handler, close, (server) => engine.attachWebSocket(server), statements);
};

void main();
