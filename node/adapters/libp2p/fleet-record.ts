import type { FleetId } from '../../../base/ids.ts'
import type { RecordRules } from './host.ts'

const recordBytesMax = 512 * 1024
export const recordName = 'slurp-view'

/**
 * The signed fleet record in the Kademlia table: who may put one there and which one wins.
 *
 * Kademlia itself lets any valid record overwrite any other. So a process refuses every record below the
 * newest that it has seen: an old one, however well signed, never displaces a newer one.
 */
export class RecordBook {
  readonly key: Uint8Array
  private readonly verify: (bytes: Uint8Array) => number | null
  private best: { readonly bytes: Uint8Array; readonly epoch: number } | null = null
  private refusals = 0

  /** @param verify - checks the authority's signature; null when it is not a record of this fleet. */
  constructor(fleet: FleetId, verify: (bytes: Uint8Array) => number | null) {
    this.key = new TextEncoder().encode(`/${recordName}/${fleet}`)
    this.verify = verify
  }

  get newest(): { readonly bytes: Uint8Array; readonly epoch: number } | null {
    return this.best
  }

  /** Records refused so far: not signed by the authority, malformed, too large, or older than the newest. */
  get rejected(): number {
    return this.refusals
  }

  /** @returns the record's epoch, or null when it does not pass the check. An older one passes, but is not kept. */
  offer(bytes: Uint8Array): number | null {
    const epoch = bytes.length <= recordBytesMax ? this.verify(bytes) : null
    if (epoch === null) return null
    if (this.best === null || epoch > this.best.epoch) this.best = { bytes: Uint8Array.from(bytes), epoch }
    return epoch
  }

  rules(): RecordRules {
    return {
      name: recordName,
      validate: (key, value) => {
        const epoch = Buffer.compare(key, this.key) === 0 ? this.offer(value) : null
        if (epoch === null || epoch < this.best!.epoch) {
          this.refusals += 1
          throw new Error('not the newest record of this fleet')
        }
      },
      select: (_key, values) => {
        const epochs = values.map(value => this.offer(value) ?? -1)
        return epochs.indexOf(Math.max(...epochs))
      },
    }
  }
}
