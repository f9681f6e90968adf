import type { Ask, Call, ChainEntry, Outcome } from '../../sim/chaos/history/call.ts'

/** How a store may break its promises; null: it keeps them. */
export type Plant =
  | 'staleRead'
  | 'lostWrite'
  | 'doubled'
  | 'deniedTookEffect'
  | 'resurrected'
  | 'wrongContent'
  | 'gapInHistory'
  | null

/** One address of a store in memory: what a door would answer, and the history at the end. */
export class Register {
  /** Oldest first. */
  readonly versions: ChainEntry[] = []
  private readonly plant: Plant
  private made = 0

  constructor(plant: Plant) {
    this.plant = plant
  }

  get chain(): ChainEntry[] {
    const chain = this.versions.toReversed()
    return this.plant === 'lostWrite' ? chain.filter((_, at) => at !== 1) : chain
  }

  answer(ask: Ask): Outcome {
    const head = this.versions.at(-1)
    switch (ask.kind) {
      case 'get':
        return this.get(head)
      case 'history': {
        if (head === undefined) return { kind: 'nothing' }
        const entries = this.versions.toReversed().slice(0, ask.limit)
        return {
          kind: 'versions',
          entries: this.plant === 'gapInHistory' ? entries.filter((_, at) => at !== 1) : entries,
        }
      }
      case 'put':
      case 'delete':
        return this.write(ask, head)
    }
  }

  /** Carries a write out without telling; the client hears that nobody knows. */
  answerUnknown(ask: Ask, isCarriedOut: boolean): Outcome {
    if (isCarriedOut) this.answer(ask)
    return { kind: 'unknown', code: 'TIMED_OUT' }
  }

  private get(head: ChainEntry | undefined): Outcome {
    const older = this.versions.at(-2)
    if (this.plant === 'staleRead' && older !== undefined && older.mark !== null)
      return { kind: 'found', version: older.version, mark: older.mark }
    const live = this.plant === 'resurrected' && head?.mark === null ? older : head
    if (live === undefined || live.mark === null) return { kind: 'nothing' }
    return { kind: 'found', version: live.version, mark: this.plant === 'wrongContent' ? 'else' : live.mark }
  }

  private write(ask: Extract<Ask, { kind: 'put' | 'delete' }>, head: ChainEntry | undefined): Outcome {
    const live = head === undefined || head.mark === null ? null : head.version
    const fits = ask.ifVersion === null || (ask.ifVersion === 'none' ? live === null : ask.ifVersion === live)
    if (!fits) {
      if (this.plant === 'deniedTookEffect') this.make(ask)
      return { kind: 'conflict', current: live }
    }
    if (ask.kind === 'delete' && live === null) return { kind: 'nothing' }
    const parent = head?.version ?? null
    const version = this.make(ask)
    if (this.plant === 'doubled') this.make(ask)
    return ask.kind === 'put' ? { kind: 'written', version, parent } : { kind: 'deleted', version }
  }

  private make(ask: Ask): string {
    this.made += 1
    const version = this.made.toString(16).padStart(24, '0')
    this.versions.push({ version, mark: ask.kind === 'put' ? ask.mark : null, author: 'p1' })
    return version
  }
}

/** A call that returns before the next one is made. */
export const callOf = (number: number, address: string, ask: Ask, outcome: Outcome): Call => ({
  worker: 'w1',
  door: 'p1',
  address,
  ask,
  outcome,
  calledAt: number * 2,
  returnedAt: number * 2 + 1,
  calledMs: number * 2,
  returnedMs: number * 2 + 1,
})
