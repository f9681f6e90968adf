import type { Version } from '../../base/ids.ts'
import type { ReadOutcome, SwapOutcome } from '../../election/step.ts'

type Recorded = { readonly id: Version; readonly answer: 'success' | 'conflict' }

/** As short as the replicated register's, so that a late duplicate meets an id that was forgotten. */
const recentMax = 8

/**
 * A linearizable register as rule 5 has it, in one place: it knows the operations that it carried out lately, answers
 * a retry as the first attempt, and calls unknown what it may have forgotten.
 */
export class LeaseRegister {
  version: Version | null = null
  data: Uint8Array = new Uint8Array(0)
  #recent: readonly Recorded[] = []
  #floor = ''

  read(): ReadOutcome {
    return this.version === null
      ? { kind: 'absent' }
      : { kind: 'found', version: this.version, data: this.data }
  }

  swap(id: Version, attempt: number, expected: Version | null, data: Uint8Array): SwapOutcome {
    const known = this.#recent.find(each => each.id === id)
    if (known) return known.answer === 'success' ? { kind: 'success', version: id } : { kind: 'conflict' }
    if (id <= this.#floor) return { kind: 'unknown' }
    if (this.version === expected) {
      this.version = id
      this.data = data
      this.#remember({ id, answer: 'success' })
      return { kind: 'success', version: id }
    }
    if (attempt > 1) this.#remember({ id, answer: 'conflict' })
    return { kind: 'conflict' }
  }

  #remember(recorded: Recorded): void {
    const all = [...this.#recent, recorded]
    for (const { id } of all.slice(0, -recentMax)) if (id > this.#floor) this.#floor = id
    this.#recent = all.slice(-recentMax)
  }
}
