import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Stanza } from 'age-encryption'
import { AgeFailure } from './age-failure.ts'
import { fromBase64, toBase64 } from './base64.ts'

/** Stanzas of one header, at most: a foreign stanza costs time to parse. */
export const stanzasMax = 64
/** Bytes of one header, at most. */
export const headerBytesMax = 16 * 1024

const versionLine = 'age-encryption.org/v1'
const columns = 64
const columnBytes = 48
const macBytes = 32

export type AgeHeader = {
  readonly stanzas: readonly Stanza[]
  /** What the MAC covers: everything up to and including `---`. */
  readonly signedText: string
  readonly mac: Uint8Array
  /** Where the payload starts, in bytes. */
  readonly payloadAt: number
}

/**
 * Writes the textual header of an age v1 file. Source: C2SP age.md, "Header".
 *
 * @throws AgeFailure `header` past `stanzasMax` or `headerBytesMax`: what we write we can read.
 */
export function writeHeader(stanzas: readonly Stanza[], fileKey: Uint8Array): string {
  if (stanzas.length < 1 || stanzas.length > stanzasMax) throw tooLarge()
  let text = `${versionLine}\n`
  for (const { args, body } of stanzas) {
    const encoded = toBase64(body)
    text += `-> ${args.join(' ')}\n`
    // The last line is shorter than a full one, empty if need be: that is how a reader finds its end.
    for (let start = 0; start <= encoded.length; start += columns) {
      text += `${encoded.slice(start, start + columns)}\n`
    }
  }
  text += '---'
  const whole = `${text} ${toBase64(macOf(text, fileKey))}\n`
  if (whole.length > headerBytesMax) throw tooLarge()
  return whole
}

/** @throws AgeFailure `header` for anything that is not exactly one age v1 header within the caps. */
export function readHeader(file: Uint8Array): AgeHeader {
  const start = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, headerBytesMax))
  // Only the MAC line begins with three dashes: stanzas begin with `->`, and bodies are base64.
  const macAt = start.indexOf('\n---') + 1
  const end = macAt === 0 ? -1 : start.indexOf(0x0a, macAt)
  if (end < 0) throw new AgeFailure('header', 'The header has no end.')
  const lines = start.toString('latin1', 0, macAt - 1).split('\n')
  if (lines[0] !== versionLine) throw new AgeFailure('header', 'It is no age v1 file.')
  const macLine = start.toString('latin1', macAt, end)
  const mac = macLine.startsWith('--- ') ? fromBase64(macLine.slice(4)) : null
  if (mac?.length !== macBytes) throw new AgeFailure('header', 'The MAC line is malformed.')
  return {
    stanzas: readStanzas(lines),
    signedText: start.toString('latin1', 0, macAt + 3),
    mac,
    payloadAt: end + 1,
  }
}

function readStanzas(lines: readonly string[]): Stanza[] {
  const stanzas: Stanza[] = []
  let at = 1
  while (at < lines.length) {
    const [arrow, ...args] = lines[at++]!.split(' ')
    const wellFormed = arrow === '->' && args.length > 0 && args.every(arg => /^[\x21-\x7e]+$/.test(arg))
    if (!wellFormed) throw new AgeFailure('header', 'A stanza begins badly.')
    if (stanzas.length === stanzasMax) throw tooLarge()
    const parts: Uint8Array[] = []
    let part: Uint8Array | null
    do {
      const line = lines[at++]
      part = line === undefined || line.length > columns ? null : fromBase64(line)
      if (part === null) throw new AgeFailure('header', 'The body of a stanza is malformed.')
      parts.push(part)
    } while (part.length === columnBytes)
    stanzas.push({ args, body: Buffer.concat(parts) })
  }
  if (stanzas.length === 0) throw new AgeFailure('header', 'The header names no recipient.')
  return stanzas
}

/** @throws AgeFailure `mac` when the header is not the one that was written with this file key. */
export function checkMac(header: AgeHeader, fileKey: Uint8Array): void {
  if (!timingSafeEqual(macOf(header.signedText, fileKey), header.mac)) {
    throw new AgeFailure('mac', 'The header was changed after sealing.')
  }
}

function macOf(signedText: string, fileKey: Uint8Array): Buffer {
  const key = new Uint8Array(hkdfSync('sha256', fileKey, '', 'header', 32))
  return createHmac('sha256', key).update(signedText, 'latin1').digest()
}

const tooLarge = () =>
  new AgeFailure('header', `A header holds 1 to ${stanzasMax} stanzas in at most ${headerBytesMax} bytes.`)
