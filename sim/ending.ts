import type { ContextKey, PeerId, Version } from '../base/ids.ts'
import { contextRegister } from './checker/context-register.ts'
import type { Breach, Invariants } from './checker/invariants.ts'
import { checkLinearizable } from './checker/linearizability.ts'
import type { Client } from './client.ts'
import type { Fleet, Member } from './fleet.ts'
import type { History } from './history.ts'
import type { Operator } from './operator.ts'

/** Virtual time that anything may take once the faults are over. */
export const finishMsMax = 240_000
const checkBudgetSteps = 400_000
const lookEveryMs = 2_000
/** Wave after wave may have to do without a machine that is gone, each after a minute (seed 3300695). */
const movesEndMsMax = 300_000

export type EndingParts = {
  readonly fleet: Fleet
  readonly invariants: Invariants
  readonly history: History
  /** Null where nobody changes the fleet. */
  readonly operator: Operator | null
  readonly reader: Client
  readonly keys: readonly ContextKey[]
  /** Lets virtual time go by, until `stop` holds. */
  readonly run: (forMs: number, stop?: () => boolean) => void
  /** An invariant is broken: nothing more is to be found out. */
  readonly isOver: () => boolean
  readonly breached: (breach: Breach) => void
}

/** What has to come true after the faults ended: changes are carried through, replicas agree, and the history adds up. */
export class Ending {
  private readonly parts: EndingParts

  constructor(parts: EndingParts) {
    this.parts = parts
  }

  /** Every change of the view that was begun ends, without anybody's help (invariant 14). */
  carryThrough(): void {
    const { operator } = this.parts
    if (operator === null) return
    for (let round = 0; !this.parts.isOver(); round++) {
      const { view } = this.parts.invariants
      if (operator.isSettled(view)) return
      operator.resume(view)
      this.parts.run(lookEveryMs)
      if (round * lookEveryMs === movesEndMsMax) {
        const moving = view.partitions.filter(each => each.stage !== 'stable').length
        this.parts.breached({
          invariant: 14,
          what: `moves do not end: view ${view.epoch}, ${view.pending.length} pending, ${moving} moving, control ${view.control.stage}, ${view.leaving.length} leaving; ${this.waitedFor()}`,
          key: null,
        })
      }
    }
  }

  /** Whom the moves wait for, as somebody who is there sees it. */
  private waitedFor(): string {
    const { epoch } = this.parts.invariants.view
    const control = this.parts.fleet.members.find(member => member.process?.view().epoch === epoch)?.process
      ?.control
    const waiting = control?.waiting() ?? []
    return waiting
      .map(({ partition, stage, peers }) => {
        const states = peers.map(peer => `${this.nameOf(peer)} ${control?.stateOf(partition, peer)}`)
        return `partition ${partition} in ${stage} waits for ${states.join(', ')}`
      })
      .join('; ')
  }

  /** Reads every key at every owner until all replicas hold the same (invariant 14). */
  converge(): void {
    for (let round = 0; !this.parts.isOver(); round++) {
      for (const key of this.parts.keys) this.readEverywhere(key)
      this.parts.run(1_000)
      const apart = this.parts.keys.find(key => !this.isConverged(key))
      if (apart === undefined || this.parts.isOver()) return
      if (round === 40)
        this.parts.breached({ invariant: 14, what: 'the replicas of a key stay apart', key: apart })
    }
  }

  private readEverywhere(key: ContextKey): void {
    for (const owner of this.parts.invariants.ownersOf(key)) {
      const member = this.memberOf(owner)
      // A machine that is gone for good is an owner until the fleet can do without it.
      if (member.isGone) continue
      let isAnswered: boolean | null = null
      this.parts.reader.read(key, answered => (isAnswered = answered), member)
      this.parts.run(finishMsMax, () => isAnswered !== null)
      if (this.parts.isOver()) return
      if (isAnswered !== true) {
        return this.parts.breached({
          invariant: 14,
          what: `${member.machine.name} cannot read after the faults ended`,
          key,
        })
      }
    }
  }

  /** Nobody is behind what was chosen last. A value that never was may stay where it is (rules 7 and 8). */
  private isConverged(key: ContextKey): boolean {
    const chosen = this.parts.invariants.ledger(key).lastChosen()
    const owners = this.parts.invariants.ownersOf(key).filter(owner => !this.memberOf(owner).isGone)
    return owners.every(owner => this.parts.invariants.durableBallot(owner, key) >= chosen)
  }

  checkKeys(): void {
    this.parts.invariants.end()
    for (const key of this.parts.keys) {
      this.checkChain(key)
      if (this.parts.isOver()) return
    }
    for (const [version, key] of this.parts.history.denied) {
      if (!this.parts.invariants.ledger(key).isChosen(version)) continue
      return this.parts.breached({ invariant: 6, what: `${version} was denied and took effect`, key })
    }
    for (const [key, intervals] of this.parts.history.byKey) {
      const verdict = checkLinearizable(contextRegister, intervals, checkBudgetSteps)
      if (verdict.kind === 'linearizable') continue
      const what =
        verdict.kind === 'illegal'
          ? `no order of the ${intervals.length} operations explains what was seen`
          : 'the checker ran out of steps'
      return this.parts.breached({ invariant: 6, what, key })
    }
  }

  /** Invariant 5 at the end: every acknowledged version is in the history that is served. */
  private checkChain(key: ContextKey): void {
    let chain: readonly Version[] | null | undefined
    this.parts.reader.walk(key, found => (chain = found))
    this.parts.run(finishMsMax, () => chain !== undefined)
    if (this.parts.isOver()) return
    if (!chain)
      return this.parts.breached({ invariant: 14, what: 'the history cannot be walked to its end', key })
    for (const [version, of] of this.parts.history.acknowledged) {
      if (
        of === key &&
        !chain.includes(version) &&
        !this.parts.invariants.ledger(key).isHistoryGone(version)
      ) {
        return this.parts.breached({
          invariant: 5,
          what: `acknowledged version ${version} is not in the history`,
          key,
        })
      }
    }
  }

  private memberOf(peer: PeerId): Member {
    return this.parts.fleet.members.find(each => each.machine.self === peer)!
  }

  private nameOf(peer: PeerId): string {
    return this.memberOf(peer)?.machine.name ?? peer
  }
}
