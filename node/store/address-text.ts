import { SlurpError } from '../../base/errors.ts'

/** Longest name (agent, role, project, task) in code points. */
export const nameCharsMax = 64

const unreserved = /^[A-Za-z0-9._-]$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** Percent-encodes everything but ASCII letters, digits, `.`, `_` and `-`; upper-case hex, as in RFC 3986. */
export function encodePart(part: string): string {
  if (/^[A-Za-z0-9._-]*$/.test(part)) return part
  let text = ''
  for (const byte of encoder.encode(part)) {
    const char = String.fromCharCode(byte)
    text += unreserved.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

/**
 * Decodes one name or segment and brings it to NFC.
 *
 * @param what - subject of the sentence in an error, such as "Segment 2 of the path (character 31)".
 * @throws SlurpError ADDRESS_INVALID
 */
export function readPart(raw: string, what: string): string {
  if (raw === '') throw refused(what, 'is empty')
  if (!raw.isWellFormed()) throw refused(what, 'is not valid Unicode: it holds half of a surrogate pair')
  if (/^[A-Za-z0-9._-]+$/.test(raw)) return raw
  for (const char of raw) {
    if (char < '\u0080' && char !== '%' && !unreserved.test(char))
      throw refused(what, `holds ${show(char)}; write it as ${encodePart(char)}`)
  }
  return decodePercent(raw, what).normalize('NFC')
}

function decodePercent(raw: string, what: string): string {
  if (!raw.includes('%')) return raw
  const stray = /%(?![0-9A-Fa-f]{2})/.exec(raw)
  if (stray !== null)
    throw refused(what, 'holds a "%" that two hex digits do not follow; write a plain "%" as %25')
  return raw.replace(/(?:%[0-9A-Fa-f]{2})+/g, run => {
    const bytes = Uint8Array.from(run.slice(1).split('%'), pair => Number.parseInt(pair, 16))
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw new SlurpError('ADDRESS_INVALID', `${what} holds percent-encoded bytes that are not UTF-8.`, {
        cause,
      })
    }
  })
}

/** Slashes in other scripts that fonts draw like "/" or "\\" and that no compatibility mapping turns into one. */
const slashLookAlikes = /[\u2044\u2215\u2216\u29f5\u29f8\u29f9\u2571\u2572]/u
const hidden = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u

/**
 * Refuses decoded text that a person could take for other text, or that would mean something else elsewhere:
 * control, invisible and direction-changing characters (Unicode TR 36), unassigned ones (their normal form may
 * still change), odd blanks, and anything that is, or folds to (NFKC), a slash or a dot segment.
 * Letters of different scripts that look alike are not refused: an address is compared, never trusted by its looks.
 *
 * @throws SlurpError ADDRESS_INVALID
 */
export function checkText(text: string, what: string): void {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return
  const found = hidden.exec(text)
  if (found !== null)
    throw refused(what, `holds ${show(found[0])}, a control, invisible or unassigned character`)
  const folded = text.normalize('NFKC')
  if (folded === '.' || folded === '..') throw refused(what, 'is "." or ".."; write the path without them')
  if (/[/\\]/.test(folded) || slashLookAlikes.test(text))
    throw refused(what, 'holds a slash or a character that looks like one, encoded or not')
  const blank = /[^\S ]|\p{Z}/u.exec(text.replaceAll(' ', ''))
  if (blank !== null) throw refused(what, `holds ${show(blank[0])}; the only blank allowed is the space, %20`)
  if (text.startsWith(' ') || text.endsWith(' ')) throw refused(what, 'starts or ends with a space')
  if (/^\p{M}/u.test(text)) throw refused(what, 'starts with a combining mark')
}

/** A character as people can see it: itself when it is plain ASCII, else its code point. */
function show(char: string): string {
  const code = char.codePointAt(0)!
  return code > 0x20 && code < 0x7f ? `"${char}"` : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

const refused = (what: string, why: string): SlurpError =>
  new SlurpError('ADDRESS_INVALID', `${what} ${why}.`)
