import type { PeerId } from '../../base/ids.ts'
import { type Registry, type SecretEntry, slotOf, withEntries } from '../../crypto/registry/registry.ts'
import { inState, replacedAtMs, replacedKeys } from '../../crypto/registry/replaced.ts'
import type { View } from '../../dht/view.ts'
import type { Reencryption } from '../key-control.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import { pauseFor } from '../store/pause.ts'
import { decodeLeadState, encodeLeadState, type LeadState, newLeadState, nextRound } from './lead-state.ts'
import { type PeerWork, registryDigest } from './peer-work.ts'
import { decodeReport, encodeOrder, type Order, type Report } from './wire.ts'

export type ResealLeadParts = {
  readonly self: PeerId
  readonly view: () => View
  readonly work: PeerWork
  readonly exchange: Pick<Exchange, 'ask' | 'isConnected'>
  readonly keys: {
    readonly registry: Registry
    changeRegistry(change: (registry: Registry) => Registry): Promise<void>
  }
  readonly clock: Clock
  readonly log: Log
  /** From when its successor was made until a key version that is to go is taken by nobody any more. */
  readonly cutOffMs: number
}

/** What a stretch came to. */
export type Stretch = { readonly outcome: 'done' | 'more'; readonly state: Uint8Array }

type Round = {
  readonly reports: readonly Report[]
  readonly absent: readonly PeerId[]
  readonly isDone: boolean
}

/** One stretch of the duty; then what was reached is recorded. */
const stretchMs = 8_000
/** An order, and how much longer its answer may take: the last contexts that were begun. */
const orderMs = 1_000
const answerMs = 15_000
/** Whoever rests for a moment looks so often whether it was told to stop. */
const lookMs = 500
/** Looked at again so much later where nothing could be done. */
const againMs = 30_000
/** With each walk in vain this much later. */
const moreMs = 500
/** And where all is done but history is sealed to keys of before. */
const steadyMs = 10 * 60_000
const someAbsent = 'Members that could not be asked may have what is sealed to keys of before.'
/** Walks that have to find nothing before a key is destroyed: what was on its way during one is found by the next. */
const zerosWanted = 2
/** What was taken before the cut-off is on the disk by then. */
const settleMs = 2_000

/** The part of the leader: has all peers walk over their disks in rounds, and old keys destroyed once nothing needs them. */
export class ResealLead {
  readonly #parts: ResealLeadParts
  #progress: Reencryption | null = null
  /** Of the round that goes on: when, and how many were sealed by then. */
  #samples: { readonly atMs: number; readonly sealed: number }[] = []

  constructor(parts: ResealLeadParts) {
    this.#parts = parts
  }

  /** Does what there is to do for some seconds. @throws SlurpError QUORUM_UNREACHED. */
  async stretch(token: number, before: Uint8Array, isStopped: () => boolean): Promise<Stretch> {
    const { keys, clock } = this.#parts
    const registry = registryDigest(keys.registry)
    if (replacedKeys(keys.registry).length === 0) return { outcome: 'done', state: new Uint8Array(0) }
    const found = decodeLeadState(before)
    let state = found?.registry === registry ? found : newLeadState(registry, clock.wallMs())
    const untilMs = clock.monotonicMs() + stretchMs
    while (clock.monotonicMs() < untilMs && !isStopped()) {
      const restMs = state.restsUntilMs - clock.wallMs()
      if (restMs > 0) {
        const woken = await this.#rest(token, state, restMs < untilMs - clock.monotonicMs())
        if (woken === null)
          return { outcome: restMs < stretchMs ? 'more' : 'done', state: encodeLeadState(state) }
        state = woken
        continue
      }
      const round = await this.#order(token, state)
      this.#tell(state, round)
      if (!round.isDone) continue
      const next = await this.#after(state, round)
      if (next === null) return { outcome: 'more', state: new Uint8Array(0) }
      state = next
      this.#samples = []
    }
    return { outcome: 'more', state: encodeLeadState(state) }
  }

  /**
   * What is nearly over is waited for, as the next run is much later; so is who was away and is connected again.
   *
   * @returns null: there is nothing to do for this run.
   */
  async #rest(token: number, state: LeadState, isShort: boolean): Promise<LeadState | null> {
    const { clock, exchange } = this.#parts
    this.#tell(state, null)
    const { absent } = await this.#order(token, state, 0)
    if (state.why === someAbsent) {
      if (absent.length === 0) return nextRound(state, clock.wallMs(), { zeros: 0 })
      if (!isShort && !absent.some(peer => exchange.isConnected(peer))) return null
    } else if (!isShort) return null
    await pauseFor(clock, lookMs)
    return state
  }

  async #order(token: number, { round, mode, turn }: LeadState, budgetMs = orderMs): Promise<Round> {
    const { view, self, work, exchange } = this.#parts
    const order: Order = { token, round, mode, turn, budgetMs, progress: this.#progress }
    const bytes = encodeOrder(order)
    const asked = await Promise.all(
      view().members.map(async ({ id }) => {
        const report =
          id === self ? await work.obey(order) : decodeReport(await exchange.ask(id, bytes, answerMs))
        return { id, report: report?.round === round ? report : null }
      }),
    )
    const reports = asked.flatMap(({ report }) => report ?? [])
    const absent = asked.flatMap(({ id, report }) => (report === null ? [id] : []))
    return { reports, absent, isDone: reports.every(({ isDone }) => isDone) }
  }

  /** A round is over for all that can be reached. @returns null: the registry has changed, and all begins anew. */
  async #after(state: LeadState, { reports, absent }: Round): Promise<LeadState | null> {
    const { keys, clock } = this.#parts
    const nowMs = clock.wallMs()
    if (registryDigest(keys.registry) !== state.registry) return null
    if (state.mode === 'work') {
      const didSomething = sum(reports, 'sealed') + sum(reports, 'trimmed') > 0
      const counting = nextRound(state, nowMs, { mode: 'count', turn: state.turn + 1, zeros: 0 })
      return didSomething || state.turn % 2 === 0
        ? counting
        : {
            ...counting,
            // Most often it is on its way to who was away, sealed anew.
            restsUntilMs: nowMs + soonMs(state),
            why: 'Peers that can open what is left are not there.',
          }
    }
    const left = sum(reports, 'toSeal')
    const counted = { ...state, left, total: Math.max(state.total ?? 0, left) }
    if (left > 0 || sum(reports, 'toTrim') > 0) return nextRound(counted, nowMs, { mode: 'work', zeros: 0 })
    return await this.#nothingToDo(counted, reports, absent)
  }

  /** Whether keys can go; where not, what for they stay. */
  async #nothingToDo(
    state: LeadState,
    reports: readonly Report[],
    absent: readonly PeerId[],
  ): Promise<LeadState | null> {
    const { keys, clock, view, cutOffMs } = this.#parts
    const nowMs = clock.wallMs()
    const rest = (ms: number, why: string): LeadState =>
      nextRound(state, nowMs, { zeros: 0, restsUntilMs: nowMs + ms, why })
    if (absent.length > 0) return rest(againMs, someAbsent)
    if (view().partitions.some(({ stage }) => stage !== 'stable'))
      return rest(againMs, 'Partitions are being moved.')
    if (reports.some(({ registry }) => registry !== state.registry))
      return rest(0, 'Not all peers know the keys of now yet.')
    if (sum(reports, 'damaged') > 0) return rest(againMs, 'Damaged records are being repaired.')
    const named = new Set(
      reports.flatMap(({ counts }) =>
        counts.flatMap(count => (count.current + count.history > 0 ? [slotOf(count)] : [])),
      ),
    )
    const unnamed = replacedKeys(keys.registry).filter(entry => !named.has(slotOf(entry)))
    const idle = unnamed.filter(each => each.state !== 'ending')
    // From now on nobody takes what is sealed to them.
    if (idle.length > 0) return await this.#change(idle, 'ending')
    if (unnamed.length === 0)
      return replacedKeys(keys.registry).some(each => each.state === 'ending')
        ? {
            ...rest(soonMs(state), 'History that was let go of is still on some disk.'),
            turn: state.turn + 1,
          }
        : rest(steadyMs, 'History is sealed to keys of before, and they are kept for it.')
    const cutAtMs = Math.max(
      ...unnamed.map(entry => (replacedAtMs(keys.registry, entry) ?? 0) + cutOffMs + settleMs),
    )
    if (state.roundAtMs < cutAtMs)
      return rest(Math.max(0, cutAtMs - nowMs), 'A key version is taken for a while after it was replaced.')
    if (state.zeros + 1 < zerosWanted) return nextRound(state, nowMs, { zeros: state.zeros + 1 })
    return await this.#change(unnamed, 'destroyed')
  }

  async #change(entries: readonly SecretEntry[], to: 'ending' | 'destroyed'): Promise<null> {
    const { keys, log } = this.#parts
    const slots = new Set(entries.map(slotOf))
    await keys.changeRegistry(registry =>
      withEntries(
        registry,
        replacedKeys(registry).flatMap(entry => (slots.has(slotOf(entry)) ? [inState(entry, to)] : [])),
      ),
    )
    const texts = {
      ending: 'nothing is sealed to these keys any more: they are to be destroyed',
      destroyed: remains,
    }
    log.warn({ keys: [...slots] }, texts[to])
    return null
  }

  #tell(state: LeadState, round: Round | null): void {
    const { view } = this.#parts
    const sealed = round === null ? 0 : sum(round.reports, 'sealed')
    const perSecond = this.#rateOf(sealed)
    const left = Math.max(0, state.left - (state.mode === 'work' ? sealed : 0))
    const nameOf = (peer: PeerId) => view().members.find(({ id }) => id === peer)?.name ?? peer
    this.#progress = {
      phase: phaseOf(state),
      total: state.total,
      done: state.total === null ? 0 : state.total - left,
      perSecond: Math.round(perSecond),
      etaSeconds: perSecond > 0 ? Math.ceil(left / perSecond) : left === 0 ? 0 : null,
      startedAt: new Date(state.startedAtMs).toISOString(),
      absent: (round?.absent ?? []).map(nameOf),
      why: state.why,
    }
  }

  #rateOf(sealed: number): number {
    const nowMs = this.#parts.clock.monotonicMs()
    this.#samples = [...this.#samples.slice(-30), { atMs: nowMs, sealed }]
    const first = this.#samples[0]!
    return nowMs > first.atMs ? ((sealed - first.sealed) * 1_000) / (nowMs - first.atMs) : 0
  }
}

/** Until a walk that may find that others are done: later with each one in vain. */
const soonMs = ({ turn }: LeadState): number => Math.min(againMs, (turn + 1) * moreMs)

function phaseOf({ mode, left, restsUntilMs, why, total }: LeadState): Reencryption['phase'] {
  if (restsUntilMs > 0 && why !== null) return left === 0 ? 'done' : 'waiting'
  if (mode === 'work') return left > 0 ? 'sealing' : 'trimming'
  return total === null || left > 0 ? 'counting' : 'done'
}

const sum = (
  reports: readonly Report[],
  what: 'toSeal' | 'toTrim' | 'sealed' | 'trimmed' | 'damaged',
): number => reports.reduce((all, report) => all + report[what], 0)

const remains =
  'these keys are destroyed: every peer deletes them and its shares; backups, and disks that were copied or taken away before, may still have both'
