import { describe, expect, it } from "@jest/globals";

import { evaluateTemplate, KritiError, parseTemplate } from "../../../../src/engine/kriti/index.ts";
import { parseJson, rawToJson, type Raw } from "../../../../src/engine/json/index.ts";

const body: Raw = {
  name: "Clarke",
  id: 7,
  admin: false,
  nothing: null,
  tags: ["a", "b", "c"],
  address: { city: "Polis", "zip-code": "00100" },
  friends: [
    { name: "Bellamy", age: 23 },
    { name: "Octavia", age: 17 },
  ],
};

const run = (template: string, variables: Readonly<Record<string, Raw>> = { $body: body }): Raw =>
  evaluateTemplate(parseTemplate(template), { variables });

const failure = (template: string): KritiError => {
  try {
    run(template);
  } catch (error) {
    if (error instanceof KritiError) return error;
    throw error;
  }
  throw new Error(`${template} did not fail`);
};

describe("Kriti", () => {
  it.each<[string, Raw]>([
    [
      '{"a": 1, "b": [true, null, "x", -2.5], "c": {}, "d": []}',
      { a: 1, b: [true, null, "x", -2.5], c: {}, d: [] },
    ],
    ["{{ $body.name }}", "Clarke"],
    ["{{$body.address['zip-code']}}", "00100"],
    ["{{ $body.friends[1].name }}", "Octavia"],
    ['{"nested": {"who": {{ $body.name }}}}', { nested: { who: "Clarke" } }],
    [
      '"Hello {{ $body.name }}, no. {{$body.id}} ({{ $body.admin }}) { not a template"',
      "Hello Clarke, no. 7 (false) { not a template",
    ],
    ['"tab\\tquote\\" \\u00e9"', 'tab\tquote" é'],
    ["# a comment\n{{ $body.id }} # and one behind", 7],
  ])("evaluates %s", (template, expected) => {
    expect(run(template)).toEqual(expected);
  });

  it.each<[string, Raw]>([
    ["{{ $body.missing?.deep }}", "fail"],
    ["{{ $body?.missing }}", null],
    ["{{ $body?.missing.deep[3] }}", null],
    ["{{ $body?['missing'] }}", null],
    ["{{ $body.tags?[9] }}", null],
    ['{{ $body?.missing ?? "other" }}', "other"],
    ["{{ $body.nothing ?? $body.id }}", 7],
    ["{{ $body.admin ?? true }}", false],
  ])("makes null of what is optional: %s", (template, expected) => {
    if (expected === "fail") expect(failure(template).code).toBe("Invalid Path");
    else expect(run(template)).toEqual(expected);
  });

  it.each<[string, Raw]>([
    ["{{ if $body.admin }} 1 {{ else }} 2 {{ end }}", 2],
    ["{{ if $body.id > 9 }} 1 {{ elif $body.id == 7 }} 2 {{ else }} 3 {{ end }}", 2],
    ['{{ if $body.id >= 7 && not($body.admin) }} "yes" {{ else }} "no" {{ end }}', "yes"],
    ['{{ if ($body.id < 3) || ($body.name != "Clarke") }} 1 {{ else }} 0 {{ end }}', 0],
    ['{{ if "a" in $body.tags }} 1 {{ else }} 0 {{ end }}', 1],
    ['{{ if "city" in $body.address }} 1 {{ else }} 0 {{ end }}', 1],
    ['{{ if "city" in {"street": 1} }} 1 {{ else }} 0 {{ end }}', 0],
    [
      '{{ range i, x := $body.friends }} {"no": {{ i }}, "who": "{{x.name}}!"} {{ end }}',
      [
        { no: 0, who: "Bellamy!" },
        { no: 1, who: "Octavia!" },
      ],
    ],
    [
      "{{ range _, x := $body.friends }} {{ if x.age > 18 }} {{ x.name }} {{ else }} null {{ end }} {{ end }}",
      ["Bellamy", null],
    ],
    [
      '{{ range _, x := $body.tags }} {{ range i, y := $body.tags }} "{{x}}{{y}}{{i}}" {{ end }} {{ end }}',
      [
        ["aa0", "ab1", "ac2"],
        ["ba0", "bb1", "bc2"],
        ["ca0", "cb1", "cc2"],
      ],
    ],
  ])("branches and repeats: %s", (template, expected) => {
    expect(run(template)).toEqual(expected);
  });

  it.each<[string, Raw]>([
    ['{{ escapeUri "a b/ü!*" }}', "a%20b%2F%C3%BC%21%2A"],
    ['"https://x.test/?q={{ escapeUri $body.name }}"', "https://x.test/?q=Clarke"],
    ["{{ not $body.admin }}", true],
    ["{{ not(empty($body.tags)) }}", true],
    ["{{ empty($body.nothing) }}", true],
    ['{{ empty(" ") }}', true],
    ["{{ size($body.tags) }}", 3],
    ["{{ size $body.name }}", 6],
    ["{{ head($body.tags) }}", "a"],
    ["{{ tail($body.tags) }}", ["b", "c"]],
    ["{{ head(tail($body.name)) }}", "l"],
    ["{{ inverse($body.tags) }}", ["c", "b", "a"]],
    ["{{ toUpper($body.name) }}", "CLARKE"],
    ["{{ toLower($body.name) }}", "clarke"],
    ['{{ toTitle("the 100") }}', "The 100"],
    ['{{ concat([$body.name, " ", "Griffin"]) }}', "Clarke Griffin"],
    ["{{ concat([$body.tags, [1]]) }}", ["a", "b", "c", 1]],
    ['{{ concat([{"a": 1, "b": 1}, {"b": 2}]) }}', { a: 1, b: 2 }],
    ['{{ fromPairs([["a", 1], ["b", 2]]) }}', { a: 1, b: 2 }],
    ['{{ toPairs({"a": 1}) }}', [["a", 1]]],
    ["{{ removeNulls([1, null, 2]) }}", [1, 2]],
  ])("knows the function in %s", (template, expected) => {
    expect(run(template)).toEqual(expected);
  });

  it("keeps long numbers and compares them exactly", () => {
    const big = parseJson('{"n": 9007199254740993, "m": 9007199254740992}');
    expect(
      rawToJson(
        run('{"n": {{ $body.n }}, "more": {{ $body.n > $body.m }}, "text": "{{$body.n}}"}', { $body: big }),
      ),
    ).toBe('{"n":9007199254740993,"more":true,"text":"9007199254740993"}');
  });

  it("calls functions of the host", () => {
    const scope = { variables: {}, functions: { getSessionVariable: (name: Raw) => `<${String(name)}>` } };
    expect(evaluateTemplate(parseTemplate('{{ getSessionVariable("x-hasura-role") }}'), scope)).toBe(
      "<x-hasura-role>",
    );
  });

  it.each<[string, string, string]>([
    ["{{ $body.missing }}", "Invalid Path", 'Path Lookup Error: "$body.missing"'],
    ["{{ $unknown }}", "Invalid Path", 'Path Lookup Error: "$unknown"'],
    ["{{ $body.name.first }}", "Type Error", "Type Error: Expected object"],
    ["{{ $body.name[0] }}", "Type Error", "Type Error: Expected array"],
    ['"{{ $body.tags }}"', "Type Error", "Type Error: Cannot interpolate type: 'Array'."],
    ["{{ if $body.id }} 1 {{ else }} 2 {{ end }}", "Type Error", "Type Error: 7 is not a boolean."],
    [
      "{{ range _, x := $body.name }} 1 {{ end }}",
      "Range Error",
      "Range Error: Can only range over an array",
    ],
    ["{{ head([]) }}", "Function Error", "Function Error: Empty array"],
    ["{{ nope($body) }}", "Function Error", "Function Error: Function nope is not defined."],
    ["{{ $body.name ", "Parse Error", "Unexpected end of the template"],
    ['{"a": }', "Parse Error", 'Unexpected token "}"'],
    ["{{ if true }} 1 {{ end }}", "Parse Error", 'Unexpected token "end"'],
    ['{"a": 1} ^', "Parse Error", 'Invalid Lexeme: "^"'],
  ])("refuses %s", (template, code, message) => {
    const error = failure(template);
    expect([error.code, error.message]).toEqual([code, message]);
  });

  it("says where a template fails", () => {
    expect(failure('{\n  "a": {{ $body.nope }}\n}').toJson()).toEqual({
      error_code: "Invalid Path",
      message: 'Path Lookup Error: "$body.nope"',
      source_position: { start_line: 1, start_column: 16, end_line: 1, end_column: 21 },
    });
  });
});
