import { assert, unreachable } from '../../base/assert.ts'
import type { PeerId } from '../../base/ids.ts'
import type { SecretName } from './secret-name.ts'
import type { ShareSet } from './share-set.ts'

/** How long one holder is waited for before another one is asked too; what it releases later counts all the same. */
export const patienceMs = 250
/** How long one question may take. */
export const answerMs = 2_000
/** How long until a holder that was silent, or refused, is asked again. */
export const askAgainMs = 5_000

/** Monotonic milliseconds throughout. */
type HolderState =
  | { readonly kind: 'unasked' }
  | { readonly kind: 'asked'; readonly untilMs: number }
  | { readonly kind: 'released' }
  /** No answer in time: it may be asked again. */
  | { readonly kind: 'silent'; readonly againMs: number }
  /** It said no; that may change, with a grant or a limit. */
  | { readonly kind: 'refused'; readonly againMs: number; readonly why: string }
  /** It sent what does not count. Not asked again for this set. */
  | { readonly kind: 'bad'; readonly why: string }

/** How far one process is with one key. Sealed: nobody wants it. Open: it is in memory. */
export type KeyCollection = {
  readonly phase: 'sealed' | 'collecting' | 'open'
  readonly set: ShareSet
  /** A `combine` was ordered, and neither `keyOpened` nor `foundBad` has come. */
  readonly isCombining: boolean
  /** Every holder of the set, in the order in which they are asked. */
  readonly holders: ReadonlyMap<PeerId, HolderState>
}

export type CollectionInput =
  | { readonly kind: 'keyWanted'; readonly nowMs: number }
  | { readonly kind: 'shareReleased'; readonly from: PeerId; readonly nowMs: number }
  | { readonly kind: 'shareRefused'; readonly from: PeerId; readonly why: string; readonly nowMs: number }
  /** `combine` named them. */
  | {
      readonly kind: 'foundBad'
      readonly bad: readonly { readonly peer: PeerId; readonly why: string }[]
      readonly nowMs: number
    }
  | { readonly kind: 'keyOpened' }
  /** The key was wiped: a grant ended, or the process gives it up. */
  | { readonly kind: 'keyDropped' }
  /** Another set of the same key is in force now. A key that is open stays so. */
  | { readonly kind: 'setReplaced'; readonly set: ShareSet; readonly nowMs: number }
  /** It can be reached now: if it was silent, it is asked again without a pause. */
  | { readonly kind: 'holderReachable'; readonly holder: PeerId; readonly nowMs: number }
  | { readonly kind: 'timePassed'; readonly nowMs: number }

export type CollectionEffect =
  | { readonly kind: 'ask'; readonly holder: PeerId }
  /** Enough have released: put together all that came, and say `keyOpened` or `foundBad`, or for a set that is misdealt
   * `keyDropped`. */
  | { readonly kind: 'combine' }

export type CollectionStep = {
  readonly collection: KeyCollection
  readonly effects: readonly CollectionEffect[]
}

/** @param order - holders in the order in which they are asked, near ones first; the others follow by index. */
export function newKeyCollection(set: ShareSet, order: readonly PeerId[] = []): KeyCollection {
  const known = new Set(set.holders.map(({ peer }) => peer))
  const peers = new Set([...order.filter(peer => known.has(peer)), ...known])
  return {
    phase: 'sealed',
    set,
    isCombining: false,
    holders: new Map([...peers].map(peer => [peer, { kind: 'unasked' }])),
  }
}

/** Late, repeated and foreign answers change nothing. Cost: O(holders). */
export function stepCollection(collection: KeyCollection, input: CollectionInput): CollectionStep {
  switch (input.kind) {
    case 'keyWanted':
      if (collection.phase !== 'sealed') return { collection, effects: [] }
      return advance({ ...collection, phase: 'collecting' }, input.nowMs)
    case 'shareReleased':
      return released(collection, input.from, input.nowMs)
    case 'shareRefused': {
      const state = { kind: 'refused', againMs: input.nowMs + askAgainMs, why: input.why } as const
      const kind = collection.holders.get(input.from)?.kind
      if (kind !== 'asked' && kind !== 'silent') return { collection, effects: [] }
      return advance(withStates(collection, [[input.from, state]]), input.nowMs)
    }
    case 'foundBad': {
      const states = input.bad.map(({ peer, why }) => [peer, { kind: 'bad', why }] as const)
      return advance({ ...withStates(collection, states), isCombining: false }, input.nowMs)
    }
    case 'keyOpened':
      if (collection.phase !== 'collecting') return { collection, effects: [] }
      return { collection: { ...collection, phase: 'open', isCombining: false }, effects: [] }
    case 'keyDropped':
      return { collection: newKeyCollection(collection.set, [...collection.holders.keys()]), effects: [] }
    case 'setReplaced':
      return replaced(collection, input.set, input.nowMs)
    case 'holderReachable':
      if (collection.holders.get(input.holder)?.kind !== 'silent') return { collection, effects: [] }
      // Still silent: what it was asked before may be answered yet.
      return advance(
        withStates(collection, [[input.holder, { kind: 'silent', againMs: input.nowMs }]]),
        input.nowMs,
      )
    case 'timePassed':
      return advance(collection, input.nowMs)
    default:
      return unreachable(input)
  }
}

/** @returns when `timePassed` is due, in monotonic milliseconds, never a past one twice; null when nothing waits. */
export function collectionDueMs(collection: KeyCollection): number | null {
  if (collection.phase !== 'collecting' || collection.isCombining) return null
  // While enough are asked nobody is asked again, however long the pause has been over.
  const isShort = stillWanted(collection) > 0
  const times = [...collection.holders.values()].flatMap(state => {
    if (state.kind === 'asked') return [state.untilMs]
    return isShort && (state.kind === 'silent' || state.kind === 'refused') ? [state.againMs] : []
  })
  return times.length === 0 ? null : Math.min(...times)
}

function released(collection: KeyCollection, from: PeerId, nowMs: number): CollectionStep {
  const kind = collection.holders.get(from)?.kind
  // Late is as good as in time; unasked for it is not.
  if (collection.phase !== 'collecting' || (kind !== 'asked' && kind !== 'silent'))
    return { collection, effects: [] }
  return advance(withStates(collection, [[from, { kind: 'released' }]]), nowMs)
}

function replaced(collection: KeyCollection, set: ShareSet, nowMs: number): CollectionStep {
  const { fleet, secret, keyVersion } = collection.set
  assert(
    set.fleet === fleet && set.secret === secret && set.keyVersion === keyVersion,
    'a set takes the place of one of the same key',
  )
  if (set.setVersion <= collection.set.setVersion) return { collection, effects: [] }
  const fresh = { ...newKeyCollection(set, [...collection.holders.keys()]), phase: collection.phase }
  return advance(fresh, nowMs)
}

/** Orders what enough have released for, once; else gives up on the silent, and asks as many as are still needed: the unasked first, then whose pause is over. */
function advance(before: KeyCollection, nowMs: number): CollectionStep {
  if (before.phase !== 'collecting') return { collection: before, effects: [] }
  if (before.isCombining) return { collection: before, effects: [] }
  if (count(before, 'released') >= before.set.threshold)
    return { collection: { ...before, isCombining: true }, effects: [{ kind: 'combine' }] }
  const late = [...before.holders].flatMap(([peer, state]) =>
    state.kind === 'asked' && state.untilMs <= nowMs
      ? [[peer, { kind: 'silent', againMs: nowMs + askAgainMs }] as const]
      : [],
  )
  const collection = withStates(before, late)
  const wanted = stillWanted(collection)
  const peers = [...collection.holders]
  const unasked = peers.flatMap(([peer, state]) => (state.kind === 'unasked' ? [peer] : []))
  // The longest waiting first: else a few dead ones at the front would be asked in turn, and nobody behind them.
  const again = peers
    .flatMap(([peer, state]) =>
      (state.kind === 'silent' || state.kind === 'refused') && state.againMs <= nowMs
        ? [{ peer, againMs: state.againMs }]
        : [],
    )
    .sort((a, b) => a.againMs - b.againMs)
    .map(({ peer }) => peer)
  const chosen = [...unasked, ...again].slice(0, Math.max(0, wanted))
  const asked = { kind: 'asked', untilMs: nowMs + patienceMs } as const
  return {
    collection: withStates(
      collection,
      chosen.map(peer => [peer, asked]),
    ),
    effects: chosen.map(holder => ({ kind: 'ask', holder })),
  }
}

/** Of holders only: what others say is no state. */
function withStates(
  collection: KeyCollection,
  states: readonly (readonly [PeerId, HolderState])[],
): KeyCollection {
  const known = states.filter(([peer]) => collection.holders.has(peer))
  return { ...collection, holders: new Map([...collection.holders, ...known]) }
}

const stillWanted = (collection: KeyCollection): number =>
  collection.set.threshold - count(collection, 'released') - count(collection, 'asked')

const count = ({ holders }: KeyCollection, kind: HolderState['kind']): number =>
  [...holders.values()].filter(state => state.kind === kind).length

/** One line of `slurp key status`. */
export type KeyStatus = {
  readonly secret: SecretName
  readonly keyVersion: number
  readonly setVersion: number
  readonly state: KeyCollection['phase']
  /** Shares that it takes. */
  readonly needed: number
  readonly holders: number
  /** Holders that are reachable now and did not send what does not count. */
  readonly reachable: number
  readonly released: number
  /** Names of the holders that are not reachable. */
  readonly missing: readonly string[]
  readonly refused: readonly { readonly name: string; readonly why: string }[]
  readonly bad: readonly { readonly name: string; readonly why: string }[]
}

/** @param nameOf - name of a member; of a peer that left, its id. */
export function keyStatusOf(
  collection: KeyCollection,
  isReachable: (peer: PeerId) => boolean,
  nameOf: (peer: PeerId) => string,
): KeyStatus {
  const { set, phase, holders } = collection
  const all = [...holders]
  const withWhy = (kind: 'refused' | 'bad') =>
    all.flatMap(([peer, state]) => (state.kind === kind ? [{ name: nameOf(peer), why: state.why }] : []))
  return {
    secret: set.secret,
    keyVersion: set.keyVersion,
    setVersion: set.setVersion,
    state: phase,
    needed: set.threshold,
    holders: holders.size,
    reachable: all.filter(([peer, state]) => state.kind !== 'bad' && isReachable(peer)).length,
    released: count(collection, 'released'),
    missing: all
      .filter(([peer]) => !isReachable(peer))
      .map(([peer]) => nameOf(peer))
      .sort(),
    refused: withWhy('refused'),
    bad: withWhy('bad'),
  }
}
