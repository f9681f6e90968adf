import { crc32 } from 'node:zlib'
import { SlurpError } from '../../base/errors.ts'
import type { View } from '../../dht/view.ts'
import { type Disk, type DiskChange, DiskFailure } from '../ports/ports.ts'
import { viewKey } from './codec/keys.ts'
import { decodeStoredView } from './codec/records.ts'

/** What a process must remember of its earlier boots. */
export type Boot = {
  /** From 1; another one with every start, so that no ballot is made twice (rule 5). */
  readonly incarnation: number
}

/** `b`: the one boot record. Format version (1 byte), CRC-32 of version and incarnation (4 bytes), incarnation (4 bytes). */
const bootKey = Uint8Array.of(0x62)
const bootFormat = 1

/**
 * The boot record; null before the first boot, `damaged` when its bytes are not what was written.
 *
 * @throws SlurpError FORMAT_UNKNOWN when it is newer than this code.
 */
export function readBoot(disk: Disk): Boot | 'damaged' | null {
  let stored: Uint8Array | null
  try {
    stored = disk.read(bootKey)
  } catch (failure) {
    if (failure instanceof DiskFailure) return 'damaged'
    throw failure
  }
  if (stored === null) return null
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  if (stored.length < 5 || checksum(stored) !== view.getUint32(1)) return 'damaged'
  if (stored[0] !== bootFormat) {
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      `The boot record has format ${stored[0]}; this process reads ${bootFormat}.`,
    )
  }
  return { incarnation: view.getUint32(5) }
}

/**
 * The number of the boot that begins now. After damage, or when the disk lost records and with them perhaps the
 * last boot's, the low 32 bits of the wall clock's milliseconds stand in. It need only be a number that no other boot
 * had: seconds were not, as a peer that loses records twice within one had two boots of one number (seed 888 of the
 * simulator).
 */
export function nextIncarnation(disk: Disk, wallMs: number, recordsLost: boolean): number {
  const last = readBoot(disk)
  if (last === 'damaged' || recordsLost) return Math.floor(wallMs) >>> 0
  return ((last?.incarnation ?? 0) + 1) >>> 0
}

/**
 * The view to start with: the one that was saved last, or that of the fleet record before anything was.
 *
 * @returns `isDamaged` when there was one and it cannot be read. Then this peer may have been fenced in an epoch that it
 * does not know any more, so nothing that it has counts before it was read back: as after lost records.
 */
export function startingView(disk: Disk, genesis: View): { view: View; isDamaged: boolean } {
  let stored: Uint8Array | null
  try {
    stored = disk.read(viewKey)
  } catch (failure) {
    if (failure instanceof DiskFailure) return { view: genesis, isDamaged: true }
    throw failure
  }
  const view = stored === null ? null : decodeStoredView(stored)
  if (view === 'damaged') return { view: genesis, isDamaged: true }
  return { view: view === null || view.epoch < genesis.epoch ? genesis : view, isDamaged: false }
}

export function bootChange(boot: Boot): DiskChange {
  const value = new Uint8Array(9)
  const view = new DataView(value.buffer)
  value[0] = bootFormat
  view.setUint32(5, boot.incarnation)
  view.setUint32(1, checksum(value))
  return { kind: 'put', key: bootKey, value }
}

/** The version is summed like the rest: as the sum's start, one flipped bit of it and one behind it would cancel out (seed 1618). */
const checksum = (stored: Uint8Array): number => crc32(stored.subarray(5), crc32(stored.subarray(0, 1)))
