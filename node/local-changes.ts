import { toHex } from '../base/bytes.ts'
import { type ContextKey, isControlKey, type PeerId } from '../base/ids.ts'
import { contextBytesOf } from './driver/codec/keys.ts'
import type { ContextChanges } from './fleet-search/ports.ts'
import type { ChangeLog } from './ports/opened-disk.ts'

/** What of the records of a disk is followed: contexts; the registers of the fleet itself are none. */
export function contextSubject(diskKey: Uint8Array): Uint8Array | null {
  const bytes = contextBytesOf(diskKey)
  return bytes === null || isControlKey(toHex(bytes) as ContextKey) ? null : bytes
}

/** The changes of a disk by the contexts that they are about. */
export function localChanges(changes: ChangeLog, self: PeerId): ContextChanges {
  return {
    source: self,
    get last() {
      return changes.last
    },
    async read(after, stepsMax) {
      const found = await changes.read(after, stepsMax)
      if (found === null) return null
      const keys = new Set(found.subjects.map(bytes => toHex(bytes) as ContextKey))
      return { through: found.through, keys: [...keys] }
    },
    listen: told => changes.listen(told),
  }
}
