interface Version {
  readonly numbers: readonly number[];
  /** Behind a hyphen, as `rc.1`; empty for a release. */
  readonly prerelease: string;
}

const parse = (text: string): Version => {
  const [core = "", ...rest] = (text.split("+")[0] ?? "").split("-");
  return { numbers: core.split(".").map(Number), prerelease: rest.join("-") };
};

/** Whether a release came before another one, as semantic versions are ordered. */
export const isOlder = (left: string, right: string): boolean => {
  const [first, second] = [parse(left), parse(right)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (first.numbers[index] ?? 0) - (second.numbers[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (first.prerelease === second.prerelease) return false;
  if (first.prerelease === "" || second.prerelease === "") return second.prerelease === "";
  return first.prerelease.localeCompare(second.prerelease, "en", { numeric: true }) < 0;
};
