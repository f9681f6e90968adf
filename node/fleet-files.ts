import { existsSync, readFileSync } from 'node:fs'
import { SlurpError } from '../base/errors.ts'
import type { FleetId } from '../base/ids.ts'
import { verifyFleetRecord } from '../crypto/fleet-record.ts'
import type { View } from '../dht/view.ts'
import { DecodeError } from './driver/codec/reader.ts'
import { decodeView } from './driver/codec/view.ts'

/** The view to start with: that in which the peer joined, when it is of the fleet and newer than the record. */
export const newerOf = (record: View, joined: View | null): View =>
  joined !== null && joined.epoch > record.epoch && joined.fleet === record.fleet ? joined : record

/** The view that a peer was given when it joined; null where there was none to join. */
export function readJoinedView(path: string): View | null {
  if (!existsSync(path)) return null
  try {
    return decodeView(readFileSync(path))
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw new SlurpError('INTEGRITY_FAILED', `${path} is damaged.`, {
      cause,
      hint: 'Remove the directory and join again with `slurp peer join`.',
    })
  }
}

/** Bytes of `fleet.json`. @throws SlurpError DATA_MISSING. */
export function readRecord(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new SlurpError('DATA_MISSING', `There is no fleet record at ${path}.`, { cause })
  }
}

/** Epoch of a record that this fleet's authority signed, null for anything else. */
export function epochOf(bytes: Uint8Array, fleet: FleetId): number | null {
  try {
    return verifyFleetRecord(bytes, fleet).view.epoch
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
}
