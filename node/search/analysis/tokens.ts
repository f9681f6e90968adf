/** A longer word counts as its beginning, in texts and in queries alike. */
export const termCharsMax = 64

/**
 * Told where every word of a text is; `fold` makes the word of it.
 *
 * @param start - of the word in the text, in UTF-16 code units; `end` is behind it.
 * @param whole - an identifier (`getUserName`, `get_user_name`, `user.name`) beside its parts; told after them.
 */
export type OnToken = (start: number, end: number, whole: boolean) => void

const kind = { unknown: 0, other: 1, lower: 2, upper: 3, digit: 4 } as const
const kinds = new Uint8Array(65_536)
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code)
  kinds[code] = /[a-z]/.test(char)
    ? kind.lower
    : /[A-Z]/.test(char)
      ? kind.upper
      : /\d/.test(char)
        ? kind.digit
        : kind.other
}

/** Halves of characters beyond the first plane count as letters: scripts of their own, and signs. */
function kindOf(code: number): number {
  const known = kinds[code]!
  if (known !== kind.unknown) return known
  const char = String.fromCharCode(code)
  let found: number = kind.other
  if (code >= 0xd800 && code <= 0xdfff) found = kind.lower
  else if (/\p{Lu}/u.test(char)) found = kind.upper
  else if (/[\p{L}\p{M}]/u.test(char)) found = kind.lower
  else if (/\p{N}/u.test(char)) found = kind.digit
  kinds[code] = found
  return found
}

/**
 * Finds the words of a text: runs of letters and digits. Runs that change case inside are split there; runs that
 * are joined by `_`, `.` or `::` without space are one identifier besides. Cost: linear.
 */
export function tokenize(text: string, onToken: OnToken): void {
  const length = text.length
  let at = 0
  while (at < length) {
    if (kindOf(text.charCodeAt(at)) < kind.lower) {
      at++
      continue
    }
    at = readIdentifier(text, at, onToken)
  }
}

/** Reads runs as long as a connector follows. @returns where the identifier ends. */
function readIdentifier(text: string, start: number, onToken: OnToken): number {
  let at = start
  let runs = 0
  for (;;) {
    at = readRun(text, at, onToken)
    runs++
    const next = afterConnector(text, at)
    if (next === at) break
    at = next
  }
  if (runs > 1) onToken(start, at, true)
  return at
}

/** @returns where the next run starts when a connector and a letter or digit follow, else `at`. */
function afterConnector(text: string, at: number): number {
  let next = at
  const sign = text.charCodeAt(at)
  if (sign === 0x2e) next = at + 1
  else if (sign === 0x3a && text.charCodeAt(at + 1) === 0x3a) next = at + 2
  else while (text.charCodeAt(next) === 0x5f) next++
  return next > at && next < text.length && kindOf(text.charCodeAt(next)) >= kind.lower ? next : at
}

/** One run of letters and digits, its parts by case, and itself when it has several. */
function readRun(text: string, start: number, onToken: OnToken): number {
  let at = start
  let part = start
  let parts = 1
  let last = kindOf(text.charCodeAt(at++))
  let beforeLast: number = kind.other
  for (; at < text.length; at++) {
    const now = kindOf(text.charCodeAt(at))
    if (now < kind.lower) break
    let cut = 0
    if (now === kind.upper && last === kind.lower) cut = at
    // The last capital of several begins the word that follows: HTTPServer.
    else if (now === kind.lower && last === kind.upper && beforeLast === kind.upper) cut = at - 1
    if (cut > part) {
      onToken(part, cut, false)
      part = cut
      parts++
    }
    beforeLast = last
    last = now
  }
  onToken(part, at, false)
  if (parts > 1) onToken(start, at, true)
  return at
}

const ascii = /^[ -~]*$/

/** A word as it stands in the index: lower case, compatibility forms and accents resolved. */
export function fold(text: string, start: number, end: number): string {
  const word = text.slice(start, Math.min(end, start + 4 * termCharsMax)).toLowerCase()
  const folded = ascii.test(word)
    ? word
    : word
        .normalize('NFKD')
        .replace(/\p{M}+/gu, '')
        .toLowerCase()
  return folded.length > termCharsMax ? folded.slice(0, termCharsMax) : folded
}
