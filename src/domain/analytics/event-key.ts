import { createHash } from "node:crypto";

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/u;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest().subarray(0, 16);

/** Sources are few; a client that makes one up for each event must not fill the memory. */
const sourcesKept = 1_000;
const masks = new Map<string, Buffer>();
const scratch = Buffer.alloc(16);

const maskOf = (source: string): Buffer => {
  let mask = masks.get(source);
  if (mask === undefined) {
    if (masks.size >= sourcesKept) masks.clear();
    mask = digest(source);
    masks.set(source, mask);
  }
  return mask;
};

/**
 * The key of (source, id) within a workspace, 128 bits in the shape of a uuid without dashes. A uuid is only mixed with its
 * source, which is cheaper than a digest and keeps ids that were made one after another together in the index; any other id
 * is a digest. The length in front keeps ("a", "bc") and ("ab", "c") apart.
 */
export const eventKey = (source: string, id: string): string => {
  if (!uuid.test(id)) return digest(`${String(source.length)}\n${source}\n${id}`).toString("hex");
  const mask = maskOf(source);
  scratch.write(id.replaceAll("-", ""), "hex");
  for (let position = 0; position < 16; position += 1)
    scratch[position] = (scratch[position] as number) ^ (mask[position] as number);
  return scratch.toString("hex");
};
