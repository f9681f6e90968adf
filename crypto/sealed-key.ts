import { SlurpError } from '../base/errors.ts'
import { AgeFailure } from './age-failure.ts'
import { decodeAgeFile, encodeAgeFile } from './age-format.ts'
import { readHeader } from './age-header.ts'
import { passphraseRecipient, scryptStanza, unwrapWithPassphrase } from './scrypt-stanza.ts'

/** Characters of a passphrase that a key is sealed with, at least. */
export const passphraseLengthMin = 8
/** Bytes of a passphrase, at most. */
export const passphraseBytesMax = 1024

/** Asks for the passphrase of one file of keys, named in the question. @throws SlurpError PASSPHRASE_NEEDED. */
export type PassphraseSource = (path: string) => Promise<Uint8Array>

const start = Buffer.from('age-encryption.org/')

/** Whether these bytes of a file of keys are sealed; a bare key never begins like this. */
export const isSealedKey = (file: Uint8Array): boolean => start.equals(file.subarray(0, start.length))

/** log2 of the rounds that opening this file takes. @throws SlurpError INTEGRITY_FAILED. */
export function workFactorOf(file: Uint8Array, path: string): number {
  try {
    return scryptStanza(readHeader(file).stanzas).factor
  } catch (failure) {
    throw asRefusal(failure, path)
  }
}

/**
 * An age file that opens with the passphrase alone, also by the stock tool. About a second in this thread.
 *
 * @throws SlurpError CONFIG_INVALID for a passphrase that is too short or too long.
 */
export function sealKey(key: Uint8Array, passphrase: Uint8Array, factor?: number): Uint8Array {
  if (passphrase.length > passphraseBytesMax || lettersIn(passphrase) < passphraseLengthMin) {
    const text = `A passphrase has at least ${passphraseLengthMin} characters and at most ${passphraseBytesMax} bytes.`
    throw new SlurpError('CONFIG_INVALID', text, { hint: 'Choose another one; six random words are good.' })
  }
  return encodeAgeFile([passphraseRecipient(passphrase, factor)], key)
}

/** @throws SlurpError PASSPHRASE_WRONG; INTEGRITY_FAILED when the file is damaged or asks for too much work. */
export function openSealedKey(file: Uint8Array, passphrase: Uint8Array, path: string): Uint8Array {
  try {
    return decodeAgeFile(file, stanzas => unwrapWithPassphrase(stanzas, passphrase))
  } catch (failure) {
    throw asRefusal(failure, path)
  }
}

function asRefusal(failure: unknown, path: string): unknown {
  if (!(failure instanceof AgeFailure)) return failure
  if (failure.reason === 'noMatch') {
    return new SlurpError('PASSPHRASE_WRONG', `${path} does not open with this passphrase.`)
  }
  return new SlurpError('INTEGRITY_FAILED', `${path} is damaged. ${failure.message}`, {
    hint: 'Restore this file from a copy; nothing else can make it again.',
  })
}

const lettersIn = (passphrase: Uint8Array): number => [...Buffer.from(passphrase).toString('utf8')].length
