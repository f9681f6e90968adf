import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { decodeGrantFile, joinChain, splitChain } from '../../crypto/grants/chain-text.ts'
import { isHeir, signHeir } from '../../crypto/grants/heir.ts'
import type { Identity } from '../../crypto/identity.ts'
import { writePrivately } from '../peer-settings.ts'

/** What a peer that came back as another one shows to be granted what it had. */
export type Inheritance = {
  /** The grant of the identity that it had: its chain as one text. */
  readonly chain: string
  /** What that identity signed (`signHeir`). */
  readonly signed: string
}

const heirFile = 'heir.json'
/** Files of the new identity of a peer that lost its data, by those of the old one that they take the place of. */
export const handedOn = { [heirFile]: `${heirFile}.next`, 'grant.json': 'grant.json.next' } as const

/**
 * Makes ready what the new identity of a peer asks the others with, as nobody can sign for it here: the key that signs is
 * shared, and collected by members only.
 *
 * @param chain - what the old identity is granted; empty where it was granted nothing.
 * @returns null where there is nothing to hand on.
 */
export function handOnGrant(
  dir: string,
  chain: string,
  old: Identity,
  fleet: FleetId,
  fresh: PeerId,
): Inheritance | null {
  if (chain === '') return null
  const inheritance = { chain, signed: signHeir(old, fleet, fresh) }
  const text = JSON.stringify({ format: 1, ...splitChain(chain), signed: inheritance.signed })
  writePrivately(join(dir, handedOn[heirFile]), `${text}\n`)
  return inheritance
}

/** What this peer inherits and has not been granted yet. @throws SlurpError GRANT_INVALID, FORMAT_UNKNOWN. */
export function readInheritance(dir: string): Inheritance | null {
  const path = join(dir, heirFile)
  if (!existsSync(path)) return null
  const bytes = readFileSync(path)
  const chain = joinChain(decodeGrantFile(bytes))
  return { chain, signed: String((JSON.parse(bytes.toString('utf8')) as { signed: unknown }).signed) }
}

export const dropInheritance = (dir: string): void => rmSync(join(dir, heirFile), { force: true })

/** Whether `heir` may take over what `old` was granted. */
export const isInherited = (fleet: FleetId, old: PeerId, heir: PeerId, { signed }: Inheritance): boolean =>
  old !== heir && isHeir(fleet, old, heir, signed)
