import { assert } from '../../base/assert.ts'
import type { PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { Operation } from '../../replication/messages.ts'
import { givenUp, nextView } from './move.ts'
import type { Letter, PureWorld } from './pure-world.ts'

/** An operation that a caller asks of one peer, at some time. */
export type Ask = { readonly at: PeerId; readonly operation: Operation }

/** Where an exploration begins: a move has just been agreed on, and callers are about to ask. */
export type Setting = {
  readonly name: string
  /** Makes the same world each time. */
  readonly open: () => PureWorld
  readonly asks: readonly Ask[]
  /** The peer that changes the view. */
  readonly leader: PeerId
}

/** What may be spent on one schedule beside the usual course of things. */
export type Budget = {
  /** Times that anything is not as usual; the other three are among them. */
  readonly deviations: number
  /** Letters that overtake others, stages and timers that come early, moves that are given up. */
  readonly early: number
  readonly losses: number
  readonly crashes: number
}

/** One thing that may happen next. The first one of a state is the usual one, and free. */
export type Choice = {
  readonly name: string
  readonly costs: Partial<Budget>
  readonly run: () => void
}

/** Timers on one schedule, at most: beyond it the move or an operation does not end. */
const timersMax = 150

/**
 * One schedule as it unfolds. Usually everything is delivered in the order in which it was caused; when nothing is under
 * way the move goes on to its next stage, or else the next timer fires. Out of turn a letter is delivered early, held
 * until nothing else is under way, or lost; a stage begins early, or the move is given up; a process dies and comes back.
 */
export class Play {
  readonly world: PureWorld
  readonly #setting: Setting
  #asks: readonly Ask[]
  #heldAsks: readonly Ask[] = []
  readonly #held = new Set<Letter>()
  #timers = 0
  #told: View

  constructor(setting: Setting) {
    this.#setting = setting
    this.world = setting.open()
    this.#asks = setting.asks
    this.#told = this.world.view
  }

  get complaint(): string | null {
    return this.world.complaint ?? (this.#timers > timersMax ? 'it does not end' : null)
  }

  /** Equal for equal states, from which the same may follow. */
  print(): string {
    const held = [...this.#held].map(letter => letter.print).sort()
    return [this.world.print(), this.#asks.length, this.#heldAsks.length, ...held].join(' ')
  }

  /** Everything that may happen next; empty at the end of a schedule. */
  choices(): Choice[] {
    const ask = this.#asks[0]
    if (ask !== undefined) return this.#asking(ask)
    const letters = this.world.letters.filter(letter => !this.#held.has(letter))
    return letters.length > 0 ? this.#delivering(letters) : this.#idle()
  }

  /** After the end: whatever was acknowledged is read at each owner. */
  finish(): string | null {
    const { world } = this
    const keys = new Set(this.#setting.asks.map(({ operation }) => operation.key))
    for (const key of keys) {
      for (const owner of world.view.partitions[0]!.owners) {
        world.request(owner, { kind: 'read', key })
        for (let timers = 0; world.open > 0 && timers < timersMax; timers++) {
          world.run()
          if (world.open > 0) world.fire()
        }
        if (world.open > 0) return 'a key cannot be read at the end'
      }
    }
    return world.complaint
  }

  #asking(ask: Ask): Choice[] {
    const rest = this.#asks.slice(1)
    return [
      {
        name: `ask ${ask.at} to ${ask.operation.kind}`,
        costs: {},
        run: () => {
          this.#asks = rest
          this.world.request(ask.at, ask.operation)
        },
      },
      {
        name: `${ask.operation.kind} at ${ask.at} is asked later`,
        costs: { deviations: 1 },
        run: () => {
          this.#asks = rest
          this.#heldAsks = [...this.#heldAsks, ask]
        },
      },
    ]
  }

  #delivering(letters: readonly Letter[]): Choice[] {
    const { world } = this
    const [first] = letters
    assert(first !== undefined, 'something is under way')
    const early = letters.filter(
      (letter, at) => letters.findIndex(other => other.to === letter.to) < at && letter !== first,
    )
    return [
      { name: nameOf(first), costs: {}, run: () => world.deliver(first) },
      { name: `held: ${nameOf(first)}`, costs: { deviations: 1 }, run: () => void this.#held.add(first) },
      {
        name: `lost: ${nameOf(first)}`,
        costs: { deviations: 1, losses: 1 },
        run: () => world.lose(first),
      },
      ...early.map(letter => ({
        name: `early: ${nameOf(letter)}`,
        costs: { deviations: 1, early: 1 },
        run: () => world.deliver(letter),
      })),
      ...this.#advance({ deviations: 1, early: 1 }),
      ...this.#giveUp(),
      ...this.#crashes(),
    ]
  }

  #idle(): Choice[] {
    const { world } = this
    const behind = world.names.filter(peer => world.at(peer).view.epoch < world.view.epoch)
    const choices: Choice[] = [
      ...this.#advance({}),
      ...[...this.#held].map(letter => ({
        name: `at last: ${nameOf(letter)}`,
        costs: {},
        run: () => this.#release(letter),
      })),
      ...this.#heldAsks.map((ask, at) => ({
        name: `ask ${ask.at} to ${ask.operation.kind}`,
        costs: {},
        run: () => {
          this.#heldAsks = this.#heldAsks.filter((_, other) => other !== at)
          world.request(ask.at, ask.operation)
        },
      })),
    ]
    const isOver = world.view.partitions[0]!.stage === 'stable' && world.open === 0
    if (isOver && choices.length === 0) return []
    const goesOn =
      behind.length > 0
        ? { name: `heartbeats tell ${behind.join(' ')} of the view`, run: () => this.#tell(behind) }
        : { name: 'a timer fires', run: () => this.#fire() }
    if (choices.length === 0) return [{ ...goesOn, costs: {} }, ...this.#giveUp(), ...this.#crashes()]
    if (isOver) return choices
    return [...choices, { ...goesOn, costs: { deviations: 1, early: 1 } }, ...this.#giveUp()]
  }

  #advance(costs: Partial<Budget>): Choice[] {
    const { world } = this
    const next = world.view.partitions[0]!.stage === 'stable' ? null : nextView(world)
    if (next === null) return []
    return [{ name: `the stage is ${next.partitions[0]!.stage}`, costs, run: () => this.#agree(next) }]
  }

  /** Back to the owners before, without a sync (rule 10, abort). */
  #giveUp(): Choice[] {
    const { view } = this.world
    if (view.partitions[0]!.stage === 'stable') return []
    const run = () => this.#agree(givenUp(view))
    return [{ name: 'the move is given up', costs: { deviations: 1, early: 1 }, run }]
  }

  #agree(view: View): void {
    const { leader } = this.#setting
    this.world.agree(view, [leader])
    this.#tell(this.world.names.filter(peer => peer !== leader))
  }

  #crashes(): Choice[] {
    return this.world.names.map(peer => ({
      name: `${peer} dies and comes back`,
      costs: { deviations: 1, crashes: 1 },
      run: () => this.world.restart(peer),
    }))
  }

  #tell(peers: readonly PeerId[]): void {
    this.#told = this.world.view
    for (const peer of peers)
      this.world.post(this.#setting.leader, peer, { kind: 'viewTold', view: this.#told })
  }

  #release(letter: Letter): void {
    this.#held.delete(letter)
    this.world.deliver(letter)
  }

  #fire(): void {
    this.#timers += 1
    this.world.fire()
  }
}

const nameOf = ({ from, to, message }: Letter): string =>
  `${from} -> ${to} ${message.kind}${'epoch' in message ? ` of epoch ${message.epoch}` : ''}`
