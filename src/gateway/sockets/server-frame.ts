/** What a frame of the upstream says about an operation. */
export interface ServerFrame {
  readonly type: string;
  readonly id: string | undefined;
  /** The text was short enough to be read whole; then the payload is at hand. */
  readonly payload: unknown;
}

/** Longer frames are rows, never errors. */
const longestParsed = 16 * 1024;

const ofText = (text: string | undefined): string | undefined => {
  try {
    return text === undefined ? undefined : (JSON.parse(`"${text}"`) as string);
  } catch {
    return undefined;
  }
};

const headPattern = /^\{"type":"([a-z_]+)","id":"((?:[^"\\]|\\.)*)"/u;
const idFirstPattern = /^\{"id":"((?:[^"\\]|\\.)*)"/u;
const tailPattern = /"id":"((?:[^"\\]|\\.)*)","type":"([a-z_]+)"\}$/u;
const typeTail = /,"type":"([a-z_]+)"\}$/u;

/** Type and operation of a frame, without parsing a long one: its type and id stand before or behind the payload. */
export const readServerFrame = (text: string): ServerFrame => {
  if (text.length <= longestParsed) {
    try {
      const value: unknown = JSON.parse(text);
      const { type, id, payload } = value as Readonly<Record<string, unknown>>;
      return {
        type: typeof type === "string" ? type : "",
        id: typeof id === "string" ? id : undefined,
        payload,
      };
    } catch {
      return { type: "", id: undefined, payload: undefined };
    }
  }
  const head = text.slice(0, 400);
  const tail = text.slice(-400);
  const first = headPattern.exec(head);
  if (first !== null) return { type: first[1] ?? "", id: ofText(first[2]), payload: undefined };
  const around = idFirstPattern.exec(head);
  if (around !== null)
    return { type: typeTail.exec(tail)?.[1] ?? "", id: ofText(around[1]), payload: undefined };
  const last = tailPattern.exec(tail);
  return { type: last?.[2] ?? "", id: ofText(last?.[1]), payload: undefined };
};
