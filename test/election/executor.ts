import type { Random } from '../../base/random.ts'
import type { Fence, FenceChange, FenceRecord } from '../../election/fence.ts'
import type { Protocol } from './protocol.ts'

/** Runs something later; syncs end in the order in which they began. */
type After = (delayMs: number, run: () => void) => void

/**
 * Carries duties out behind a fence, on a disk that syncs late and forgets at a crash what it had not synced. It
 * complains when an effect follows one of a higher token.
 */
export class Executor {
  done = 0
  refused = 0
  readonly #protocol: Pick<Protocol, 'restoreFence' | 'admit' | 'raise'>
  readonly #random: Random
  readonly #complain: (what: string) => void
  readonly #carriedOut = new Map<string, number>()
  #durable = new Map<string | null, FenceRecord>()
  /** Noted on disk, until a floor stands in for what was lost. */
  #isLost = false
  #fence: Fence
  #boots = 0
  #syncedAfterMs = 0

  constructor(
    protocol: Pick<Protocol, 'restoreFence' | 'admit' | 'raise'>,
    random: Random,
    complain: (what: string) => void,
  ) {
    this.#protocol = protocol
    this.#random = random
    this.#complain = complain
    this.#fence = protocol.restoreFence([])
  }

  take(duty: string, token: number, after: After): void {
    const admission = this.#protocol.admit(this.#fence, duty, token)
    if (admission.kind === 'refused') {
      this.refused++
      return
    }
    this.#fence = admission.fence
    const boot = this.#boots
    after(this.#syncedAfterMs, () => {
      if (boot !== this.#boots) return
      this.#save(admission.changes)
      const highest = this.#carriedOut.get(duty) ?? 0
      if (token < highest) this.#complain(`an effect of token ${token} follows one of ${highest}`)
      this.#carriedOut.set(duty, Math.max(token, highest))
      this.done++
    })
  }

  /** @param registerToken - what a linearizable read of the lease register gives after the restart. */
  restart(registerToken: number, after: After): void {
    const boot = ++this.#boots
    this.#syncedAfterMs = this.#random.below(30)
    if (this.#random.chance(0.4)) {
      this.#durable = new Map()
      this.#isLost = true
    }
    this.#fence = this.#protocol.restoreFence(this.#durable.values(), this.#isLost)
    if (!this.#isLost) return
    const { fence, changes } = this.#protocol.raise(this.#fence, registerToken)
    this.#fence = fence
    after(this.#syncedAfterMs, () => {
      if (boot !== this.#boots) return
      this.#save(changes)
      this.#isLost = false
    })
  }

  #save(changes: readonly FenceChange[]): void {
    for (const { record } of changes) this.#durable.set(record.duty, record)
  }
}
