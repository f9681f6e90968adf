import { slotOf } from '../../crypto/registry/registry.ts'
import type { KeptVersion, StoredContext } from './disk-walk.ts'

/** Versions on one disk that are sealed to one key version of a role: those that stand, and those of history. */
export type KeyCount = {
  readonly name: string
  readonly keyVersion: number
  current: number
  history: number
}

/** Counts what is sealed to which key version. */
export class KeyTally {
  readonly #counts = new Map<string, KeyCount>()
  damaged = 0

  add({ head, kept, damaged }: StoredContext): void {
    this.damaged += damaged + (head === null ? 1 : 0)
    for (const version of kept)
      for (const role of version.roles) {
        const count = this.#countOf(role)
        if (version.version === head?.version) count.current += 1
        else count.history += 1
      }
  }

  get counts(): readonly KeyCount[] {
    return [...this.#counts.values()].sort((a, b) =>
      a.name === b.name ? a.keyVersion - b.keyVersion : a.name < b.name ? -1 : 1,
    )
  }

  #countOf(role: KeptVersion['roles'][number]): KeyCount {
    const slot = slotOf(role)
    const known = this.#counts.get(slot)
    if (known !== undefined) return known
    const count = { name: role.name, keyVersion: role.keyVersion, current: 0, history: 0 }
    this.#counts.set(slot, count)
    return count
  }
}
