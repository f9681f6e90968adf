import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { openWith } from './sealing.ts'
import { damagedFile, readSecretFile, writeNewSecretFile } from './secret-file.ts'
import type { SigningKey } from './signing-key.ts'

const keyBytes = 32
const what = 'network key'
/** libp2p's own form, version 1: other tools read it as `swarm.key`. */
const shape = /^\/key\/swarm\/psk\/1\.0\.0\/\n\/base16\/\n[0-9a-f]{64}\n?$/

const pathIn = (dir: string): string => join(dir, 'network.key')

/** The key that all peers of a private network share: who has it not cannot even speak Noise with them. */
export const newNetworkKey = (): Uint8Array =>
  Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(keyBytes).toString('hex')}\n`)

/** @throws SlurpError DIRECTORY_TAKEN when the peer in `dir` has one. */
export const writeNetworkKey = (dir: string, key: Uint8Array): Promise<void> =>
  writeNewSecretFile(pathIn(dir), key)

/**
 * The network key of the peer in a directory, as libp2p takes it; null where the network is open.
 *
 * @throws SlurpError CONFIG_INVALID when others may read the file, INTEGRITY_FAILED.
 */
export async function readNetworkKey(dir: string): Promise<Uint8Array | null> {
  let file: Uint8Array
  try {
    file = await readSecretFile(pathIn(dir), what)
  } catch (failure) {
    if (failure instanceof SlurpError && failure.code === 'DATA_MISSING') return null
    throw failure
  }
  if (isNetworkKey(file)) return file
  throw damagedFile(what, pathIn(dir))
}

/** Opens the network key that a fleet sealed to a new peer. @throws SlurpError INTEGRITY_FAILED, ROLE_DENIED. */
export async function openNetworkKey(sealed: Uint8Array, identity: SigningKey): Promise<Uint8Array> {
  const key = await openWith([identity.ageIdentity], sealed)
  if (isNetworkKey(key)) return key
  throw new SlurpError('INTEGRITY_FAILED', 'The network key that the fleet gave is malformed.')
}

const isNetworkKey = (file: Uint8Array): boolean => shape.test(Buffer.from(file).toString('latin1'))
