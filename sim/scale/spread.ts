import type { PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'

type Agreed = { readonly view: View; readonly atMs: number; lastMs: number; readonly missing: Set<PeerId> }

/** How long views take to reach everybody. */
export class Spread {
  /** In the order of their epochs. */
  private readonly views: Agreed[] = []
  private readonly told: ((view: View) => void)[] = []

  /** `told` hears of each view once it is agreed on. */
  onAgreed(told: (view: View) => void): void {
    this.told.push(told)
  }

  /** The first word counts: who finds a view in its register says it too. */
  agreed(view: View, atMs: number): void {
    const newest = this.newest
    if (newest !== null && newest.epoch >= view.epoch) return
    this.views.push({ view, atMs, lastMs: atMs, missing: new Set(view.members.map(member => member.id)) })
    for (const told of this.told) told(view)
  }

  /** A view that is in force at `peer` stands for those before it. */
  adopted(peer: PeerId, { epoch }: View, atMs: number): void {
    for (const each of this.views) {
      if (each.view.epoch <= epoch && each.missing.delete(peer)) each.lastMs = Math.max(each.lastMs, atMs)
    }
  }

  /** The view that was agreed on last; null before the first. */
  get newest(): View | null {
    return this.views.at(-1)?.view ?? null
  }

  /** Whether the newest view is in force at all of its members. */
  get isOver(): boolean {
    return (this.views.at(-1)?.missing.size ?? 0) === 0
  }

  /** Milliseconds from the agreement on a view until its last member had it or a later one, view by view. */
  get tookMs(): readonly number[] {
    return this.views.filter(each => each.missing.size === 0).map(each => each.lastMs - each.atMs)
  }
}
