import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { Authority } from '../../crypto/authority.ts'
import { Identity } from '../../crypto/identity.ts'
import { SigningKey } from '../../crypto/signing-key.ts'
import { X25519Identity } from '../../crypto/x25519.ts'

/** The same keys in every run, so that an input that fails once fails again. */
const keyFrom = (letter: number) => generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(letter))

export const writer = new Identity(await keyFrom(1))
export const holders = [2, 3, 4].map(async letter => new Identity(await keyFrom(letter)))
export const authority = new Authority(await keyFrom(5))
export const delegateKey = new SigningKey(await keyFrom(6))
export const reader = new X25519Identity(new Uint8Array(32).fill(7))
export const fleetSecret = new Uint8Array(32).fill(8)
