import { randomBytes } from 'node:crypto'
import type { Stanza } from 'age-encryption'
import { AgeFailure } from './age-failure.ts'
import { checkMac, readHeader, writeHeader } from './age-header.ts'
import { payloadBytes, readPayload, writePayload } from './age-payload.ts'
import { checkX25519Stanza } from './x25519.ts'

const fileKeyBytes = 16

/** The library's extension point for sealing, answered at once. */
export type FileKeyWrapper = { wrapFileKey(fileKey: Uint8Array): readonly Stanza[] }

/**
 * Writes a whole age v1 file. Decision 001 says why this is ours and not the library's.
 *
 * @throws AgeFailure `header` with more recipients than a header may have stanzas.
 */
export function encodeAgeFile(recipients: readonly FileKeyWrapper[], plaintext: Uint8Array): Uint8Array {
  const fileKey = randomBytes(fileKeyBytes)
  const header = writeHeader(
    recipients.flatMap(recipient => recipient.wrapFileKey(fileKey)),
    fileKey,
  )
  const file = Buffer.allocUnsafeSlow(header.length + payloadBytes(plaintext.length))
  file.write(header, 'latin1')
  writePayload(fileKey, plaintext, file.subarray(header.length))
  return file
}

/**
 * Opens a whole age v1 file that is sealed to X25519 recipients. Stanzas of other kinds are passed over, as the
 * format asks.
 *
 * @param unwrap - finds the file key among the stanzas, in the order of the header; null: none is for us.
 * @throws AgeFailure when it does not open; nothing of the plaintext is given out before all of it is verified.
 */
export function decodeAgeFile(
  file: Uint8Array,
  unwrap: (stanzas: readonly Stanza[]) => Uint8Array | null,
): Uint8Array {
  const header = readHeader(file)
  for (const stanza of header.stanzas) {
    if (stanza.args[0] === 'X25519') checkX25519Stanza(stanza)
    // A passphrase beside recipients would let whoever knows one of them forge for the others.
    if (stanza.args[0] === 'scrypt' && header.stanzas.length > 1) {
      throw new AgeFailure('header', 'A passphrase stands beside other recipients.')
    }
  }
  const fileKey = unwrap(header.stanzas)
  if (fileKey === null) throw new AgeFailure('noMatch', 'It is sealed to others.')
  checkMac(header, fileKey)
  return readPayload(fileKey, file.subarray(header.payloadAt))
}
