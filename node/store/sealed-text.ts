/** What the sealed text of a version says. */
export type SealedText = {
  /** Canonical address of the context; null in versions that were sealed before addresses were. */
  readonly place: string | null
  readonly json: string
}

/**
 * The text that is sealed: the canonical address, a line feed, the JSON of the context. A key is a one-way hash of the
 * address, so that only whoever opens the context can say what the key stands for. Neither half can be mistaken: a
 * canonical address is ASCII without control characters, and JSON of an object starts with a brace.
 */
export const sealedText = (place: string, json: string): string => `${place}\n${json}`

export function readSealedText(text: string): SealedText {
  const end = text.startsWith('{') ? -1 : text.indexOf('\n')
  return end < 0 ? { place: null, json: text } : { place: text.slice(0, end), json: text.slice(end + 1) }
}
