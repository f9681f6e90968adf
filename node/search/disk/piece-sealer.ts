import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../../base/errors.ts'

/** What a piece is, and where it belongs: one that lies anywhere else does not open. */
export type PiecePlace = {
  readonly kind: 'manifest' | 'chunk' | 'state' | 'log' | 'record'
  /** Pieces of one group share a key: a segment, or a run of records. */
  readonly group: number
  readonly index: number
  /** Pieces of the group, where that is known when they are sealed. */
  readonly count: number
}

const format = 1
const nonceBytes = 12
const tagBytes = 16
const cipher = 'chacha20-poly1305'
const keysKeptMax = 256

/**
 * Seals and opens the pieces of one shelf. Each group has a key of its own, derived from that of the shelf, so that
 * random nonces do not run out.
 *
 * A piece: format `u8` · nonce (12) · ciphertext · tag (16). Bound to it are index and count.
 */
export class PieceSealer {
  readonly #key: Uint8Array
  readonly #keys = new LRUCache<string, Uint8Array>({ max: keysKeptMax })

  /** @param key - 32 bytes of this shelf alone. */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  seal(place: PiecePlace, plaintext: Uint8Array): Uint8Array {
    const nonce = randomBytes(nonceBytes)
    const sealer = createCipheriv(cipher, this.#keyOf(place), nonce, { authTagLength: tagBytes })
    sealer.setAAD(bindingOf(place), { plaintextLength: plaintext.length })
    const body = sealer.update(plaintext)
    sealer.final()
    return Buffer.concat([Uint8Array.of(format), nonce, body, sealer.getAuthTag()])
  }

  /** @throws SlurpError INTEGRITY_FAILED for anything that was not sealed for this place. */
  open(place: PiecePlace, piece: Uint8Array): Buffer {
    if (piece.length < 1 + nonceBytes + tagBytes || piece[0] !== format) throw damaged()
    const opener = createDecipheriv(cipher, this.#keyOf(place), piece.subarray(1, 1 + nonceBytes), {
      authTagLength: tagBytes,
    })
    const length = piece.length - 1 - nonceBytes - tagBytes
    opener.setAAD(bindingOf(place), { plaintextLength: length })
    opener.setAuthTag(piece.subarray(piece.length - tagBytes))
    const plaintext = opener.update(piece.subarray(1 + nonceBytes, piece.length - tagBytes))
    try {
      opener.final()
    } catch {
      // The one thing that it can say.
      throw damaged()
    }
    return plaintext
  }

  #keyOf({ kind, group }: PiecePlace): Uint8Array {
    const name = `slurp/v1/search ${kind} ${group}`
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const key = new Uint8Array(hkdfSync('sha256', this.#key, '', name, 32))
    this.#keys.set(name, key)
    return key
  }
}

function bindingOf({ index, count }: PiecePlace): Uint8Array {
  const binding = Buffer.alloc(12)
  binding.writeUIntBE(index, 0, 6)
  binding.writeUIntBE(count, 6, 6)
  return binding
}

/** What a damaged index is refused with; it is made anew. */
export const damaged = (): SlurpError =>
  new SlurpError(
    'INTEGRITY_FAILED',
    'A piece of the search index was changed, is missing or lies in a wrong place.',
    {
      hint: 'The index is being made anew; `slurp index ls` shows how far.',
    },
  )
