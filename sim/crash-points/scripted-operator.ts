import type { View } from '../../dht/view.ts'
import type { Member } from '../fleet.ts'
import { Operator, type OperatorOptions } from '../operator.ts'

/** The one change of a fleet of three or four: a fourth joins, one of four leaves, a new disk takes the place of a lost one. */
export type MoveKind = 'join' | 'leave' | 'replace'
export const moveKinds: readonly MoveKind[] = ['join', 'leave', 'replace']

/** One process is killed before its `effect`-th effect on the outside since the change was asked for, counted from 1. */
export type CrashPoint = { readonly member: number; readonly effect: number }

const uncounted = 1_000_000_000
const lookEveryMs = 5

/** Asks for one change and counts what each process does until it is carried through, or kills one on the way. */
export class ScriptedOperator extends Operator {
  /** Effects on the outside of each machine until the move was over; null while it is not. */
  effects: readonly number[] | null = null
  /** The view in which the change is carried through. */
  end: View | null = null
  private readonly kind: MoveKind
  private readonly crash: CrashPoint | null

  constructor(options: OperatorOptions, kind: MoveKind, crash: CrashPoint | null) {
    super(options)
    this.kind = kind
    this.crash = crash
  }

  /** Whether the process that was to die did, and came back. */
  get isHit(): boolean {
    return this.crash !== null && this.options.fleet.members[this.crash.member]!.boots > 1
  }

  override start(): void {
    const { members } = this.options.fleet
    for (const [at, member] of members.entries()) this.light(member, at)
    const first = this.newestView()
    const spare = members.find(member => member.isAway)
    const last = members.findLast(member => !member.isAway)
    if (spare === undefined || last === undefined || first === null) return
    if (this.kind === 'join') this.join(spare)
    else if (this.kind === 'leave') this.leave(last)
    else this.loseDisk(last, spare)
    this.look(first)
  }

  protected override begin(spare: Member, view: View): void {
    const wasAway = spare.isAway
    super.begin(spare, view)
    if (wasAway && !spare.isAway) this.light(spare, this.options.fleet.members.indexOf(spare))
  }

  private light(member: Member, at: number): void {
    if (this.crash === null) member.fuse = uncounted
    else if (this.crash.member === at) member.fuse = this.crash.effect
  }

  private look(first: View): void {
    this.options.world.after(lookEveryMs, () => {
      const view = this.newestView()
      const isOver = view !== null && view.members !== first.members && view.epoch > first.epoch
      if (!isOver || !this.isSettled(view)) return this.look(first)
      this.end = view
      this.effects = this.options.fleet.members.map(({ fuse }) =>
        Number.isFinite(fuse) ? uncounted - fuse : 0,
      )
    })
  }
}
