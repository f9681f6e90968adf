import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import type { Identity, Recipient, Stanza } from 'age-encryption'
import { SlurpError } from '../base/errors.ts'
import { AgeFailure } from './age-failure.ts'
import { isWrongTag } from './age-payload.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { decodeBech32, encodeBech32 } from './bech32.ts'
import { codeOf } from './failure-code.ts'

/** age's own recipient kind on node:crypto, five times as fast as in script. Source: C2SP age.md, "X25519". */
const kind = 'X25519'
const keyBytes = 32
const wrappedBytes = 32
const label = 'age-encryption.org/v1/X25519'
const recipientPrefix = 'age'
const identityPrefix = 'age-secret-key-'
const pkcs8Start = Buffer.from('302e020100300506032b656e04220420', 'hex')
const cipher = 'chacha20-poly1305'
const tag = { authTagLength: 16 }
// The wrap key is fresh for every stanza, so its only nonce may be zero.
const zeroNonce = new Uint8Array(12)

/** Whom a file is sealed to: `age1…`. Fits `Encrypter.addRecipient` of age-encryption. */
export class X25519Recipient implements Recipient {
  /** The form that the stock tool takes too. */
  readonly text: string
  readonly #raw: Uint8Array
  readonly #key: KeyObject

  /** @throws SlurpError CONFIG_INVALID when it is no X25519 recipient, or a point that would share no secret. */
  constructor(text: string) {
    const decoded = decodeBech32(text)
    const ofAge = decoded?.prefix === recipientPrefix && decoded.bytes.length === keyBytes
    // The stock tool takes lowercase recipients only.
    if (!ofAge || text !== text.toLowerCase()) throw notARecipient()
    this.text = text
    this.#raw = decoded.bytes
    this.#key = publicKeyFrom(decoded.bytes)
    if (sharedSecret(probe, this.#key) === null) throw notARecipient()
  }

  /** About 0.11 ms: every stanza has an ephemeral key of its own. */
  wrapFileKey(fileKey: Uint8Array): Stanza[] {
    const ephemeral = generateKeyPairSync('x25519')
    const share = rawOf(ephemeral.publicKey)
    const secret = sharedSecret(ephemeral.privateKey, this.#key)
    if (secret === null) throw notARecipient()
    const sealer = createCipheriv(cipher, wrapKey(secret, share, this.#raw), zeroNonce, tag)
    const body = Buffer.concat([sealer.update(fileKey), sealer.final(), sealer.getAuthTag()])
    return [{ args: [kind, toBase64(share)], body }]
  }
}

/** Who opens a file: `AGE-SECRET-KEY-1…`. Fits `Decrypter.addIdentity` of age-encryption. Prints no secret. */
export class X25519Identity implements Identity {
  readonly recipient: X25519Recipient
  readonly #scalar: Uint8Array
  readonly #raw: Uint8Array
  readonly #key: KeyObject

  /** @throws SlurpError CONFIG_INVALID when it is no X25519 identity; the message does not repeat it. */
  constructor(secret: string | Uint8Array) {
    this.#scalar = typeof secret === 'string' ? scalarFrom(secret) : Uint8Array.from(secret)
    if (this.#scalar.length !== keyBytes) throw notAnIdentity()
    this.#key = createPrivateKey({
      key: Buffer.concat([pkcs8Start, this.#scalar]),
      format: 'der',
      type: 'pkcs8',
    })
    this.#raw = rawOf(createPublicKey(this.#key))
    this.recipient = new X25519Recipient(encodeBech32(recipientPrefix, this.#raw))
  }

  static generate(): X25519Identity {
    const { privateKey } = generateKeyPairSync('x25519')
    return new X25519Identity(Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'))
  }

  /** The secret itself, in the form that the stock tool takes: for a sealed file, never for a log. */
  secretText(): string {
    return encodeBech32(identityPrefix, this.#scalar).toUpperCase()
  }

  /** A copy of the secret, 32 bytes, to be dealt in shares. The caller wipes it. */
  scalar(): Uint8Array {
    return Uint8Array.from(this.#scalar)
  }

  /** Forgets what can be forgotten: what the crypto library copied goes when it is collected. */
  wipe(): void {
    this.#scalar.fill(0)
  }

  /** @throws AgeFailure `header` for a malformed X25519 stanza, also one that is for somebody else. */
  unwrapFileKey(stanzas: readonly Stanza[]): Uint8Array | null {
    for (const stanza of stanzas) {
      if (stanza.args[0] !== kind) continue
      const fileKey = this.unwrapStanza(stanza)
      if (fileKey !== null) return fileKey
    }
    return null
  }

  /** One stanza of kind X25519; null when it is for somebody else. About 0.06 ms either way. */
  unwrapStanza(stanza: Stanza): Uint8Array | null {
    const share = checkX25519Stanza(stanza)
    const secret = sharedSecret(this.#key, publicKeyFrom(share))
    if (secret === null) throw new AgeFailure('header', 'An X25519 stanza shares no secret.')
    const opener = createDecipheriv(cipher, wrapKey(secret, share, this.#raw), zeroNonce, tag)
    opener.setAuthTag(stanza.body.subarray(wrappedBytes - 16))
    const fileKey = opener.update(stanza.body.subarray(0, wrappedBytes - 16))
    try {
      opener.final()
    } catch (failure) {
      if (isWrongTag(failure)) return null
      throw failure
    }
    return fileKey
  }
}

/** @returns the ephemeral share of an X25519 stanza. @throws AgeFailure `header` when it is malformed. */
export function checkX25519Stanza(stanza: Stanza): Uint8Array {
  const [type, text, ...more] = stanza.args
  const share = type === kind && text !== undefined && more.length === 0 ? fromBase64(text) : null
  if (share?.length !== keyBytes || stanza.body.length !== wrappedBytes) {
    throw new AgeFailure('header', 'An X25519 stanza is malformed.')
  }
  return share
}

/** Meets every recipient once, so that a point of low order is refused where it comes in. */
const probe = generateKeyPairSync('x25519').privateKey

/** @returns null for a point of low order: the "secret" would be zero, known to everybody. */
function sharedSecret(privateKey: KeyObject, publicKey: KeyObject): Uint8Array | null {
  try {
    return diffieHellman({ privateKey, publicKey })
  } catch (failure) {
    // OpenSSL checks for zero itself, in constant time, and says so in this way.
    if (codeOf(failure) === 'ERR_OSSL_FAILED_DURING_DERIVATION') return null
    throw failure
  }
}

const wrapKey = (secret: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, Buffer.concat([share, recipient]), label, 32))

const rawOf = (key: KeyObject): Uint8Array => Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url')

const publicKeyFrom = (raw: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: kind, x: Buffer.from(raw).toString('base64url') },
    format: 'jwk',
  })

function scalarFrom(text: string): Uint8Array {
  const decoded = decodeBech32(text)
  // The stock tool takes uppercase identities only.
  if (decoded?.prefix !== identityPrefix || text !== text.toUpperCase()) throw notAnIdentity()
  return decoded.bytes
}

const notARecipient = () =>
  new SlurpError('CONFIG_INVALID', 'A recipient must be an age X25519 public key, age1 and 58 characters.')
const notAnIdentity = () =>
  new SlurpError('CONFIG_INVALID', 'An identity must be an age X25519 secret key in its upper-case form.')
