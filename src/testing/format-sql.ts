/** A piece of SQL that is never broken, or what stands between two parentheses. */
type Node =
  | { readonly kind: "token"; readonly text: string; readonly spaced: boolean }
  | {
      readonly kind: "group";
      readonly open: string;
      readonly spaced: boolean;
      readonly nodes: readonly Node[];
    };

const lineWidth = 100;
const pieces = /\s+|E?'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w$]+|::|[^\s\w]/giy;
const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]" };

const tokenise = (sql: string): readonly Node[] => {
  const stack: { readonly open: string; readonly spaced: boolean; readonly nodes: Node[] }[] = [
    { open: "", spaced: false, nodes: [] },
  ];
  let spaced = false;
  for (const [text] of sql.matchAll(pieces)) {
    const top = stack.at(-1);
    if (top === undefined) break;
    if (/^\s/.test(text)) {
      spaced = true;
      continue;
    }
    if (text in closing) stack.push({ open: text, spaced, nodes: [] });
    else if (text === closing[top.open]) {
      stack.pop();
      stack.at(-1)?.nodes.push({ kind: "group", open: top.open, spaced: top.spaced, nodes: top.nodes });
    } else top.nodes.push({ kind: "token", text, spaced });
    spaced = false;
  }
  return stack[0]?.nodes ?? [];
};

const flat = (nodes: readonly Node[]): string =>
  nodes
    .map((node, index) => {
      const space = node.spaced && index > 0 ? " " : "";
      return node.kind === "token"
        ? space + node.text
        : `${space}${node.open}${flat(node.nodes)}${closing[node.open] ?? ""}`;
    })
    .join("");

const wordOf = (node: Node | undefined): string =>
  node?.kind === "token" && /^\w+$/.test(node.text) ? node.text.toLowerCase() : "";

const statementWords = new Set(["select", "insert", "update", "delete", "with", "values"]);
const isStatement = (nodes: readonly Node[]): boolean => statementWords.has(wordOf(nodes[0]));

/** Words that begin a clause, by themselves or with the ones that must follow. */
const clauses: readonly (readonly string[])[] = [
  ["select"],
  ["insert", "into"],
  ["update"],
  ["delete", "from"],
  ["with"],
  ["values"],
  ["set"],
  ["from"],
  ["where"],
  ["group", "by"],
  ["having"],
  ["order", "by"],
  ["limit"],
  ["offset"],
  ["fetch"],
  ["returning"],
  ["on", "conflict"],
  ["do"],
  ["union"],
  ["join"],
  ["left", "join"],
  ["left", "outer"],
  ["inner", "join"],
  ["cross", "join"],
  ["for", "update"],
];

const startsClause = (nodes: readonly Node[], at: number): boolean => {
  // `do update` and `for update` are one clause each, and `distinct from` is an operator.
  const before = wordOf(nodes[at - 1]);
  if (["do", "for", "left", "inner", "cross", "outer", "distinct"].includes(before)) return false;
  if (before === "delete" && wordOf(nodes[at]) === "from") return false;
  return clauses.some((words) => words.every((word, offset) => wordOf(nodes[at + offset]) === word));
};

const split = (nodes: readonly Node[], starts: (at: number) => boolean): readonly (readonly Node[])[] => {
  const parts: Node[][] = [];
  nodes.forEach((node, at) => {
    if (parts.length === 0 || (at > 0 && starts(at))) parts.push([]);
    parts.at(-1)?.push(node);
  });
  return parts;
};

const isToken = (node: Node | undefined, text: string): boolean =>
  node?.kind === "token" && node.text === text;

const renderPart = (nodes: readonly Node[], indent: string): string =>
  nodes
    .map((node, index) => {
      const space = node.spaced && index > 0 ? " " : "";
      if (node.kind === "token") return space + node.text;
      const close = closing[node.open] ?? "";
      const inner = flat(node.nodes);
      const deep = indent + "  ";
      // A short subquery reads better in its place.
      if (isStatement(node.nodes) && indent.length + inner.length > lineWidth) {
        return `${space}${node.open}\n${deep}${renderStatement(node.nodes, deep)}\n${indent}${close}`;
      }
      return space + node.open + renderPart(node.nodes, indent) + close;
    })
    .join("");

const renderClause = (clause: readonly Node[], indent: string): string => {
  if (indent.length + flat(clause).length <= lineWidth) return renderPart(clause, indent);
  const breaks = ["where", "having"].includes(wordOf(clause[0]))
    ? (at: number): boolean => ["and", "or"].includes(wordOf(clause[at]))
    : (at: number): boolean => isToken(clause[at - 1], ",");
  const [first = [], ...more] = split(clause, breaks);
  const deep = indent + "  ";
  return [
    renderPart(first, more.length === 0 ? indent : deep),
    ...more.map((part) => renderPart(part, deep)),
  ].join(`\n${deep}`);
};

const renderStatement = (nodes: readonly Node[], indent: string): string =>
  split(nodes, (at) => startsClause(nodes, at))
    .map((clause) => renderClause(clause, indent))
    .join(`\n${indent}`);

/**
 * Lays SQL out for reading and for line by line comparison: one clause a line, subqueries indented. Only white space
 * between tokens changes.
 */
export const formatSql = (sql: string): string => renderStatement(tokenise(sql), "");
