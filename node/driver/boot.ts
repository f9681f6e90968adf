import { crc32 } from 'node:zlib'
import { SlurpError } from '../../base/errors.ts'
import type { Disk, DiskChange } from '../ports/ports.ts'

/** What a process must remember of its earlier boots. */
export type Boot = {
  /** From 1; grows with every start, so that no ballot is made twice (rule 5). */
  readonly incarnation: number
}

/** `b`: the one boot record. Format version (1 byte), CRC-32 of the rest (4 bytes), incarnation (4 bytes). */
const bootKey = Uint8Array.of(0x62)
const bootFormat = 1

/** @throws SlurpError INTEGRITY_FAILED when the record is damaged, FORMAT_UNKNOWN when it is newer than this code. */
export function readBoot(disk: Disk): Boot | null {
  const stored = disk.read(bootKey)
  if (stored === null) return null
  if (stored[0] !== bootFormat && stored.length > 0) {
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      `The boot record has format ${stored[0]}; this process reads ${bootFormat}.`,
    )
  }
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength)
  if (stored.length !== 9 || crc32(stored.subarray(5)) !== view.getUint32(1)) {
    throw new SlurpError('INTEGRITY_FAILED', 'The boot record of this peer is damaged.')
  }
  return { incarnation: view.getUint32(5) }
}

export function bootChange(boot: Boot): DiskChange {
  const value = new Uint8Array(9)
  const view = new DataView(value.buffer)
  value[0] = bootFormat
  view.setUint32(5, boot.incarnation)
  view.setUint32(1, crc32(value.subarray(5)))
  return { kind: 'put', key: bootKey, value }
}
