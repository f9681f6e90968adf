import { SlurpError } from '../../base/errors.ts'

/** Longest line of an import, in bytes. */
export const lineBytesMaxDefault = 2 * 1024 * 1024

/** One line, numbered from 1, or why it cannot be read. Its bytes are not kept when it is too long. */
export type NumberedLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly failure: SlurpError }

const newline = 0x0a

/**
 * Cuts bytes into lines, holding at most one line and one chunk. Blank lines are counted and left out; a byte order
 * mark at the start and a carriage return at the end of a line are dropped; the last line needs no newline.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax: number = lineBytesMaxDefault,
): AsyncGenerator<NumberedLine, void, void> {
  let line = 1
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const take = (piece: Uint8Array): void => {
    pendingBytes += piece.length
    if (pendingBytes > lineBytesMax) pending = []
    else if (piece.length > 0) pending.push(piece)
  }
  const finish = (): NumberedLine | null => {
    const finished = readLine(pending, pendingBytes, line, lineBytesMax)
    line += 1
    pending = []
    pendingBytes = 0
    return finished
  }
  for await (const chunk of source) {
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      take(chunk.subarray(from, at))
      from = at + 1
      const finished = finish()
      if (finished !== null) yield finished
    }
    // A copy: the source may reuse the memory of its chunk.
    take(chunk.slice(from))
  }
  const last = finish()
  if (last !== null) yield last
}

function readLine(
  pieces: readonly Uint8Array[],
  bytes: number,
  line: number,
  lineBytesMax: number,
): NumberedLine | null {
  if (bytes > lineBytesMax) {
    const message = `The line has more than ${lineBytesMax} bytes.`
    return { line, failure: new SlurpError('TOO_LARGE', message, { hint: 'Split the record.' }) }
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: line > 1 }).decode(Buffer.concat(pieces, bytes))
  } catch (cause) {
    return { line, failure: new SlurpError('JSON_INVALID', 'The line is not valid UTF-8.', { cause }) }
  }
  const trimmed = trimJsonBlanks(text)
  return trimmed === '' ? null : { line, text: trimmed }
}

/** Only what JSON calls blank: `trim` would also take a byte order mark, which JSON refuses. */
function trimJsonBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && ' \t\r'.includes(text[start]!)) start += 1
  while (end > start && ' \t\r'.includes(text[end - 1]!)) end -= 1
  return text.slice(start, end)
}

/** @throws SlurpError JSON_INVALID */
export function parseLine(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The engine's own message quotes the text; only the place is taken from it.
    const place = cause instanceof Error ? /position (\d+)/.exec(cause.message)?.[1] : undefined
    const where = place === undefined ? '' : ` (at character ${Number(place) + 1})`
    throw new SlurpError('JSON_INVALID', `The line is not valid JSON${where}.`)
  }
}
