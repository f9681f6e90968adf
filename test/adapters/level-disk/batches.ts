import type { Disk, DiskChange } from '../../../node/ports/ports.ts'

const valueBytes = 2000

const keyOf = (index: number, part: number): Uint8Array => {
  const key = new Uint8Array(6)
  new DataView(key.buffer).setUint32(1, index)
  key[0] = 1
  key[5] = part
  return key
}

/** Two records that belong together. */
export const batchOf = (index: number): readonly DiskChange[] =>
  [0, 1].map(part => ({
    kind: 'put',
    key: keyOf(index, part),
    value: new Uint8Array(valueBytes).fill(index),
  }))

/** How many records of a batch are there as they were written: 0, 1 or 2. */
export function recordsOf(disk: Disk, index: number): number {
  const whole = batchOf(index).filter(change => {
    const stored = disk.read(change.key)
    return stored !== null && change.kind === 'put' && Buffer.compare(stored, change.value) === 0
  })
  return whole.length
}
