/** Units in which usage is stored. GB, minutes and dollars exist only in what this file prints. */
export type UsageUnit = "bytes" | "seconds" | "micro_usd" | "count";

export const bytesPerGigabyte = 1_073_741_824n;

const grouped = new Intl.NumberFormat("en-US");

interface Scale {
  readonly size: bigint;
  readonly suffix: string;
}

const byteScales: readonly Scale[] = [
  { size: bytesPerGigabyte, suffix: " GB" },
  { size: 1_048_576n, suffix: " MB" },
  { size: 1_024n, suffix: " KB" },
  { size: 1n, suffix: " B" },
];

/** Two decimals, cut and not rounded: 4.999 GB must not read as 5 GB. */
const decimal = (value: bigint, size: bigint, keepZeros: boolean): string => {
  const hundredths = (value * 100n) / size;
  const fraction = String(hundredths % 100n).padStart(2, "0");
  const shown = keepZeros ? fraction : fraction.replace(/0+$/, "");
  return shown === "" ? grouped.format(hundredths / 100n) : `${grouped.format(hundredths / 100n)}.${shown}`;
};

const formatBytes = (value: bigint): string => {
  const scale = byteScales.find(({ size }) => value >= size) ?? { size: 1n, suffix: " B" };
  return `${decimal(value, scale.size, false)}${scale.suffix}`;
};

/** A request may cost less than a cent. */
const formatDollars = (value: bigint): string =>
  value > 0n && value < 10_000n
    ? `$0.${String(value).padStart(6, "0").replace(/0+$/, "")}`
    : `$${decimal(value, 1_000_000n, true)}`;

/**
 * One amount in the words of its unit: `1.5 GB`, `12.5 min`, `45 s`, `$0.50`, `1,234`. Refusals of the database are worded by
 * `usage.format_amount`, which cuts in the same way, groups no digits and says GiB.
 */
export const formatAmount = (value: bigint, unit: string): string => {
  if (value < 0n) return `-${formatAmount(-value, unit)}`;
  switch (unit) {
    case "bytes":
      return formatBytes(value);
    case "seconds":
      return value < 60n ? `${String(value)} s` : `${decimal(value, 60n, false)} min`;
    case "micro_usd":
      return formatDollars(value);
    default:
      return grouped.format(value);
  }
};

/** `3.2 GB / 5 GB`, `1,234,567 / Unlimited`. */
export const formatUsage = (used: bigint, limit: bigint | null, unit: string): string =>
  `${formatAmount(used, unit)} / ${limit === null ? "Unlimited" : formatAmount(limit, unit)}`;
