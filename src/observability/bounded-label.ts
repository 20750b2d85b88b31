/** What stands for all values beyond the bound. */
export const otherLabel = "other";

/**
 * Keeps the values of a label few: those that came first, up to a bound, and one word for the rest. Each value is a time series in
 * every scrape, and some of what labels say comes from clients.
 */
export const createBoundedLabel = (most: number): ((value: string | undefined) => string) => {
  const known = new Set<string>();
  return (value) => {
    if (value === undefined || value === "") return "none";
    if (known.has(value)) return value;
    if (known.size >= most || !/^[\w.:-]{1,64}$/u.test(value)) return otherLabel;
    known.add(value);
    return value;
  };
};
