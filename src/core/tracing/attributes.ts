/** A word that somebody else chose, as an attribute may hold it: short, and without what could be a secret's or a sentence's. */
export const shortWord = (word: string | undefined): string | undefined =>
  word !== undefined && /^[\w.:-]{1,64}$/u.test(word) ? word : undefined;

/** The code of an error, else its class. Never its message, which may hold rows, statements and addresses. */
export const errorTypeOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return "unknown";
  const code = "code" in error && typeof error.code === "string" ? shortWord(error.code) : undefined;
  return code ?? (error instanceof Error ? (shortWord(error.name) ?? "Error") : "unknown");
};
