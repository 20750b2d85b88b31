import { describe, expect, it } from "@jest/globals";

import { firstDifference } from "../../golden/difference.ts";

const committed = [
  "channels",
  "  select user: all",
  "  delete user: all",
  "",
  "users",
  "  select user: all",
  "",
];
const difference = (now: readonly string[]): string | undefined =>
  firstDifference("permissions.txt", committed.join("\n"), now.join("\n"));

describe("firstDifference", () => {
  it("is undefined for equal files", () => {
    expect(difference(committed)).toBeUndefined();
  });

  it("shows a changed line with its number and the heading above", () => {
    expect(difference(committed.with(1, "  select user: id"))).toBe(
      "permissions.txt:2, channels\n-   select user: all\n+   select user: id",
    );
  });

  it("shows an added line alone, though every later line moves", () => {
    expect(difference(committed.toSpliced(5, 0, "  insert user: all"))).toBe(
      "permissions.txt:6, users\n+   insert user: all",
    );
  });

  it("shows a removed line alone", () => {
    expect(difference(committed.toSpliced(1, 1))).toBe("permissions.txt:2, channels\n-   select user: all");
  });

  it("shows a few lines of files that have nothing in common", () => {
    const lines = difference(Array.from({ length: 500 }, (_, index) => String(index)))?.split("\n") ?? [];
    expect(lines.length).toBeLessThan(30);
  });

  it("shows the end that a file lacks", () => {
    expect(difference(committed.slice(0, 5))).toBe("permissions.txt:6, users\n-   select user: all\n- ");
  });
});
