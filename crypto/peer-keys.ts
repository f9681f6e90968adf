import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { LRUCache } from 'lru-cache'
import { peerTagDigits } from '../base/hlc.ts'
import type { PeerId } from '../base/ids.ts'
import { sha256Hex } from './digest.ts'

/** What a peer id says by itself: an Ed25519 id is its public key. */
export type PeerKey = {
  readonly peerId: PeerId
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** First 6 hex digits of SHA-256 of the peer id's text: its part of the tag of its clock (base/hlc.ts). */
  readonly clockTag: string
  readonly key: KeyObject
}

const peersCachedMax = 2048
const byText = new LRUCache<string, PeerKey>({ max: peersCachedMax })
const byKey = new LRUCache<string, PeerKey>({ max: peersCachedMax })
/** Text of the identity multihash of an Ed25519 key; other spellings of the same id are none of ours. */
const shape = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
const signatureBytes = 64

/** @returns null when the text is not the id of an Ed25519 peer. */
export function peerKeyOf(peerId: string): PeerKey | null {
  const known = byText.get(peerId)
  if (known !== undefined) return known
  if (!shape.test(peerId)) return null
  try {
    const parsed = peerIdFromString(peerId)
    if (parsed.type !== 'Ed25519' || parsed.toString() !== peerId) return null
    return remember(parsed.publicKey.raw, peerId as PeerId)
  } catch (failure) {
    // Digits in the right alphabet that are no multihash of a key: a mistyped id, not a fault.
    if (failure instanceof Error) return null
    throw failure
  }
}

/** @param publicKey - 32 bytes of an Ed25519 key; any 32 bytes make an id. */
export function peerKeyFrom(publicKey: Uint8Array): PeerKey {
  const known = byKey.get(keyText(publicKey))
  if (known !== undefined) return known
  return remember(publicKey, peerIdFromPublicKey(publicKeyFromRaw(publicKey) as never).toString() as PeerId)
}

function remember(raw: Uint8Array, peerId: PeerId): PeerKey {
  const publicKey = Uint8Array.from(raw)
  const entry = { peerId, publicKey, clockTag: peerTagFrom(peerId), key: ed25519From(publicKey) }
  byText.set(peerId, entry)
  byKey.set(keyText(publicKey), entry)
  return entry
}

/** A public key object of 32 raw bytes. */
export const ed25519From = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
    format: 'jwk',
  })

/** Whether `signature` is that of the holder of `key` over `bytes`. About 0.13 ms. Never throws. */
export function isSignedWith(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === signatureBytes && verify(null, bytes, key, signature)
}

/** Whether the peer signed these bytes; false too for a text that is no peer id. About 0.13 ms. Never throws. */
export function verifyBy(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  const peer = peerKeyOf(peerId)
  return peer !== null && isSignedWith(peer.key, bytes, signature)
}

/** What names a process in its HLC values: first 6 hex digits of SHA-256 of the peer id's text. */
export const clockTagOf = (peerId: PeerId): string => byText.get(peerId)?.clockTag ?? peerTagFrom(peerId)

const peerTagFrom = (peerId: string): string => sha256Hex(peerId).slice(0, peerTagDigits)

const keyText = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString('latin1')
