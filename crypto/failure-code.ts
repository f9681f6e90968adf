/** The code that Node puts on its errors, `ENOENT` for example; undefined for whatever has none. */
export const codeOf = (failure: unknown): unknown => (failure as { code?: unknown } | null)?.code
