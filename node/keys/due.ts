import { decode, encode } from 'cborg'
import type { PeerId } from '../../base/ids.ts'
import { holdersChosenMax, type SecretEntry, secretsMax } from '../../crypto/registry/registry.ts'
import { isKeyVersion } from '../../crypto/roles.ts'

/** Key version of a secret. */
export type Slot = Pick<SecretEntry, 'name' | 'keyVersion'>

/** What a member says is to be done about keys, for an agent that may do it where no member can. */
export type KeyWork = {
  /** Newest keys of roles that are to be replaced now. */
  readonly rotations: readonly Slot[]
  /** Key versions that are dealt to others than they should be. */
  readonly outdated: readonly Slot[]
  /** Members that shall hold shares, in order. */
  readonly holders: readonly PeerId[]
}

const peerTextMax = 128

export const encodeWork = ({ rotations, outdated, holders }: KeyWork): Uint8Array =>
  encode([rotations.map(pairOf), outdated.map(pairOf), holders])

const pairOf = ({ name, keyVersion }: Slot): unknown[] => [name, keyVersion]

/** @returns null when it is none. */
export function decodeWork(bytes: Uint8Array): KeyWork | null {
  let value: unknown
  try {
    value = decode(bytes, { strict: true })
  } catch {
    return null
  }
  if (!Array.isArray(value) || value.length !== 3) return null
  const [rotations, outdated, holders] = value as unknown[]
  const both = [slotsFrom(rotations), slotsFrom(outdated)]
  if (both.includes(null) || !arePeers(holders)) return null
  return { rotations: both[0]!, outdated: both[1]!, holders }
}

function slotsFrom(value: unknown): readonly Slot[] | null {
  if (!Array.isArray(value) || value.length > secretsMax) return null
  const slots = value.map(each => {
    const [name, keyVersion] = Array.isArray(each) && each.length === 2 ? (each as unknown[]) : []
    return typeof name === 'string' && name.length <= peerTextMax && isKeyVersion(keyVersion)
      ? ({ name, keyVersion } as Slot)
      : null
  })
  return slots.includes(null) ? null : (slots as Slot[])
}

const arePeers = (value: unknown): value is PeerId[] =>
  Array.isArray(value) &&
  value.length <= holdersChosenMax &&
  value.every(each => typeof each === 'string' && each.length <= peerTextMax)
