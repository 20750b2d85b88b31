const stopGraceMs = 5_000;

/** Waits a little for what is under way, by id, and gives back what did not end meanwhile. */
export const finishInFlight = async (
  inFlight: ReadonlyMap<string, Promise<void>>,
  release: (ids: readonly string[]) => Promise<void>,
): Promise<void> => {
  if (inFlight.size === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, stopGraceMs);
  });
  await Promise.race([Promise.all(inFlight.values()), grace]);
  clearTimeout(timer);
  if (inFlight.size > 0) await release([...inFlight.keys()]);
};
