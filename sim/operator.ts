import type { Random } from '../base/random.ts'
import { assignmentsOf, type View } from '../dht/view.ts'
import { joined, left, replaced, reweighed, withMoves } from '../dht/view-change.ts'
import { placementHash } from '../node/control/placement-hash.ts'
import type { Change } from '../node/control/view-register.ts'
import type { Fleet, Member } from './fleet.ts'
import type { World } from './world.ts'

export type OperatorOptions = {
  readonly world: World
  readonly fleet: Fleet
  /** Whether disks may be lost for good; then no other fault destroys what is durable. */
  readonly wipes: boolean
  readonly told: (what: string) => void
  readonly counted: (name: string) => void
}

const everyMs = 700
const changeMs = 6_000

/** Changes the fleet while it works: peers join, leave, die for good and are replaced; weights change, moves pause. */
export class Operator {
  protected readonly options: OperatorOptions
  protected readonly random: Random
  private isOn = true
  private isBusy = false

  constructor(options: OperatorOptions) {
    this.options = options
    this.random = options.world.random('operator')
  }

  start(): void {
    const act = () => {
      if (this.isOn && !this.isBusy) this.act()
      return this.isOn
    }
    this.options.world.everySoOften(() => -Math.log(1 - this.random.next()) * everyMs, act)
  }

  /** No change is begun from here on; those who have left are stopped, paused moves go on. */
  stop(): void {
    this.isOn = false
  }

  /** Whether every change is carried through: nothing moves, nobody is leaving. */
  isSettled(view: View): boolean {
    const { members } = this.options.fleet
    const awaited = view.moves.replaceAfterMs < 60_000 && view.members.length > view.replicas
    if (awaited && members.some(member => member.isGone && isMember(view, member))) return false
    if (view.pending.length > 0 || view.leaving.length > 0) return false
    for (const { assignment } of assignmentsOf(view)) if (assignment.stage !== 'stable') return false
    return true
  }

  /** Undoes a pause: without an operator moves would wait for ever. */
  resume(view: View): void {
    if (!view.moves.paused || this.isBusy) return
    this.change('moves go on', current =>
      current.moves.paused ? withMoves(current, { paused: false }) : null,
    )
  }

  private act(): void {
    const { fleet } = this.options
    const view = this.newestView()
    if (view === null) return
    const choice = this.random.next()
    const spare = fleet.members.find(member => member.isAway && !member.isGone && member.boots === 0)
    const staying = fleet.members.filter(
      member => !member.isAway && !view.leaving.includes(member.machine.self) && isMember(view, member),
    )
    if (choice < 0.35 && spare) return this.join(spare)
    if (choice < 0.55 && staying.length > view.replicas) return this.leave(this.random.pick(staying))
    const mayLose = this.options.wipes && this.isSettled(view) && this.isEverybodyKnown(view)
    if (choice < 0.65 && spare && mayLose) return this.loseDisk(this.random.pick(staying), spare)
    if (choice < 0.75 && mayLose && staying.length > view.replicas && view.moves.replaceAfterMs < 60_000)
      return this.loseForGood(this.random.pick(staying))
    if (choice < 0.9) return this.reweigh(this.random.pick(staying))
    const paused = !view.moves.paused
    this.change(paused ? 'moves pause' : 'moves go on', current => withMoves(current, { paused }))
  }

  protected join(spare: Member): void {
    this.options.counted('joins')
    const member = memberOf(spare)
    const change: Change = view => (isMember(view, spare) ? null : joined(view, member, placementHash))
    this.change(`${spare.machine.name} joins`, change, view => this.begin(spare, view))
  }

  protected leave(leaver: Member): void {
    this.options.counted('leaves')
    this.change(`${leaver.machine.name} leaves`, view => {
      if (!isMember(view, leaver) || view.members.length - view.leaving.length <= view.replicas) return null
      return left(view, leaver.machine.self, true, placementHash)
    })
  }

  /** A machine is gone with all that it had; a new one takes its place. */
  protected loseDisk(lost: Member, spare: Member): void {
    this.options.counted('wipedDisks')
    lost.isGone = true
    this.options.fleet.kill(lost, this.random.chance(0.5), 'its disk is gone for good')
    lost.machine.disk.wipe()
    const change: Change = view => {
      if (isMember(view, spare) || !isMember(view, lost)) return null
      return replaced(view, lost.machine.self, memberOf(spare), false)
    }
    this.change(`${spare.machine.name} replaces ${lost.machine.name}`, change, view =>
      this.begin(spare, view),
    )
  }

  /** A new peer starts with the view that it was given when it joined. */
  protected begin(spare: Member, view: View): void {
    if (!isMember(view, spare) || !spare.isAway) return
    spare.machine.view = view
    spare.isAway = false
    this.options.fleet.start(spare)
  }

  /** A machine is gone, and nobody does anything: the leader has to notice. */
  private loseForGood(lost: Member): void {
    this.options.counted('lostPeers')
    lost.isGone = true
    this.options.fleet.kill(lost, this.random.chance(0.5), 'gone for good, and nobody cares')
    lost.machine.disk.wipe()
  }

  /** Whether no machine is gone that the fleet still counts on: the next loss may take the last copy. */
  private isEverybodyKnown(view: View): boolean {
    return this.options.fleet.members.every(member => !member.isGone || !isMember(view, member))
  }

  private reweigh(member: Member): void {
    this.options.counted('reweighs')
    const weight = this.random.pick([0.5, 1, 2])
    this.change(`${member.machine.name} weighs ${weight}`, view =>
      isMember(view, member) ? reweighed(view, member.machine.self, { weight }, placementHash) : null,
    )
  }

  /** Asks any peer to carry the change out, and another one when the outcome is unknown. */
  private change(what: string, change: Change, done: (view: View) => void = () => undefined): void {
    const { world, fleet, told } = this.options
    this.isBusy = true
    const attempt = (left: number) => {
      const asked = fleet.serving(this.random, null)
      if (asked?.process == null) {
        world.after(200, () => attempt(left))
        return
      }
      told(`operator asks ${asked.machine.name}: ${what}`)
      let isOver = false
      const end = (isDone: boolean, how: string) => {
        if (isOver) return
        isOver = true
        told(`operator: ${what}: ${how}`)
        if (isDone || left === 0) this.isBusy = false
        else attempt(left - 1)
      }
      asked.process.control.change(change, changeMs, changed => {
        if (changed.kind === 'changed') done(changed.view)
        end(changed.kind !== 'unknown', changed.kind)
      })
      world.after(changeMs * 2, () => end(false, 'no answer'))
    }
    attempt(20)
  }

  protected newestView(): View | null {
    const views = this.options.fleet.members.flatMap(member => member.process?.view() ?? [])
    return views.reduce<View | null>(
      (best, view) => (best === null || view.epoch > best.epoch ? view : best),
      null,
    )
  }
}

const isMember = (view: View, { machine }: Member): boolean =>
  view.members.some(member => member.id === machine.self)

const memberOf = ({ machine, zone }: Member) => ({ id: machine.self, name: machine.name, weight: 1, zone })
