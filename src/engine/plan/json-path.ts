import { HasuraError } from "../errors.ts";
import { arrayLiteral } from "../sql/values.ts";

/** `$.a[0]["b c"]` as the text array that `#>` takes. */
export const jsonPathToTextArray = (path: string, place: string): string => {
  const steps: string[] = [];
  let rest = path.trim();
  if (rest.startsWith("$")) rest = rest.slice(1);
  while (rest !== "") {
    const match = /^\.?([A-Za-z_][\w-]*)|^\[(\d+)\]|^\[(?:"([^"]*)"|'([^']*)')\]|^\.?(\d+)/.exec(rest);
    if (!match) {
      throw new HasuraError({ message: `parse json path error: ${path}`, code: "parse-failed", path: place });
    }
    steps.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? match[5] ?? "");
    rest = rest.slice(match[0].length);
  }
  return arrayLiteral(steps);
};
