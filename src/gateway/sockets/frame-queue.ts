/** Frames waiting for the one before them; above this the client is not read from. */
const mostWaiting = 64;

export interface FrameQueue {
  push(text: string): void;
  close(): void;
}

/** Frames one after the other: what stops an operation must not overtake what starts it. */
export const createFrameQueue = (
  handle: (text: string) => Promise<void> | void,
  source: { pause(): void; resume(): void },
): FrameQueue => {
  const waiting: string[] = [];
  let isBusy = false;
  let isClosed = false;
  let isPaused = false;

  const run = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !isClosed; next = waiting.shift()) {
      await handle(next);
      if (isPaused && waiting.length < mostWaiting / 2) {
        isPaused = false;
        source.resume();
      }
    }
    isBusy = false;
  };

  return {
    push: (text) => {
      if (isClosed) return;
      waiting.push(text);
      if (waiting.length > mostWaiting && !isPaused) {
        isPaused = true;
        source.pause();
      }
      if (isBusy) return;
      isBusy = true;
      void run();
    },
    close: () => {
      isClosed = true;
      waiting.length = 0;
    },
  };
};
