import type { Ballot, ContextKey, PeerId } from '../base/ids.ts'
import type { Witness } from './driver/driver-options.ts'
import type { PeerMessage } from './peer/fleet-messages.ts'

/**
 * What a member must not show: `older`: less than it acknowledged to this peer; `silent`: it says that it is there, and leaves
 * every question of a kind without an answer.
 */
export type BrokenWord = 'older' | 'silent'

export type MemberWitnessParts = {
  readonly self: PeerId
  monotonicMs(): number
  broken(by: PeerId, word: BrokenWord, rule: Questions): void
}

type Questions = 'reads' | 'writes'
type Acknowledged = { readonly ballot: Ballot; readonly id: number }
type Waiting = { questions: number; readonly sinceMs: number; beats: number }

class Member {
  /** Writes on their way, by the number of the question. */
  readonly asked = new Map<number, { readonly key: ContextKey; readonly ballot: Ballot }>()
  /** What it said it took, least recently first. */
  readonly acknowledged = new Map<ContextKey, Acknowledged>()
  readonly waiting = new Map<Questions, Waiting>()
  /** When it was told of last. */
  readonly toldMs = new Map<string, number>()
}

const acknowledgedMax = 2_000
const askedMax = 1_000
/** So much has to come together before silence says something: who is slow, or just starts, answers one of them. */
const silent = { questions: 8, beats: 5, ms: 10_000 } as const
/** The same of the same member is told so often. */
const tellEveryMs = 60_000

/**
 * Looks on at what the other members answer, and notices who contradicts what it said before. It is evidence for people:
 * nobody is judged by it, and nothing rests on it. A disk that lost what it had synced looks like a lie, and a network that
 * lets only one direction through looks like silence.
 */
export class MemberWitness implements Witness {
  readonly #parts: MemberWitnessParts
  readonly #members = new Map<PeerId, Member>()

  constructor(parts: MemberWitnessParts) {
    this.#parts = parts
  }

  /** Who gave a partition away and gets it again may have less than it acknowledged. */
  viewAdopted(): void {
    this.#members.clear()
  }

  sent(to: PeerId, message: PeerMessage): void {
    switch (message.kind) {
      case 'accept':
      case 'replay': {
        const member = this.#member(to)
        member.asked.set(message.id, message)
        dropOldest(member.asked, askedMax)
        return this.#asks(member, 'writes')
      }
      case 'prepare':
      case 'query':
        return this.#asks(this.#member(to), 'reads')
    }
  }

  heard(from: PeerId, message: PeerMessage): void {
    if (from === this.#parts.self) return
    const member = this.#member(from)
    switch (message.kind) {
      case 'accepted': {
        member.waiting.delete('writes')
        const asked = member.asked.get(message.id)
        member.asked.delete(message.id)
        if (asked === undefined || !message.granted) return
        const before = member.acknowledged.get(asked.key)
        if (before !== undefined && before.ballot > asked.ballot) return
        member.acknowledged.delete(asked.key)
        member.acknowledged.set(asked.key, { ballot: asked.ballot, id: message.id })
        return dropOldest(member.acknowledged, acknowledgedMax)
      }
      case 'promise':
      case 'report': {
        member.waiting.delete('reads')
        const { key, id, accepted, gcFloor } = message
        const acknowledged = member.acknowledged.get(key)
        if (acknowledged === undefined) return
        const { ballot } = acknowledged
        // Questions reach a member in their order; what was collected is above it on purpose.
        const isOlder = id > acknowledged.id && accepted < ballot && gcFloor < ballot
        return isOlder ? this.#tell(from, member, 'older', 'reads') : undefined
      }
      case 'refused':
        return member.waiting.clear()
      case 'health':
        // It says itself that it hears nothing of this peer: no wonder.
        if (message.report.suspected.some(({ peer }) => peer === this.#parts.self)) member.waiting.clear()
        return
      case 'beat':
        return this.#beats(from, member)
    }
  }

  #asks({ waiting }: Member, kind: Questions): void {
    const before = waiting.get(kind)
    if (before === undefined)
      waiting.set(kind, { questions: 1, sinceMs: this.#parts.monotonicMs(), beats: 0 })
    else before.questions += 1
  }

  #beats(from: PeerId, member: Member): void {
    for (const [kind, waiting] of member.waiting) {
      waiting.beats += 1
      const { questions, beats, sinceMs } = waiting
      if (questions < silent.questions || beats < silent.beats) continue
      if (this.#parts.monotonicMs() - sinceMs >= silent.ms) this.#tell(from, member, 'silent', kind)
    }
  }

  #tell(by: PeerId, member: Member, word: BrokenWord, rule: Questions): void {
    const nowMs = this.#parts.monotonicMs()
    const what = `${word} ${rule}`
    const last = member.toldMs.get(what)
    if (last !== undefined && nowMs - last < tellEveryMs) return
    member.toldMs.set(what, nowMs)
    this.#parts.broken(by, word, rule)
  }

  #member(peer: PeerId): Member {
    let member = this.#members.get(peer)
    if (member === undefined) {
      member = new Member()
      this.#members.set(peer, member)
    }
    return member
  }
}

function dropOldest(of: Map<unknown, unknown>, sizeMax: number): void {
  if (of.size > sizeMax) of.delete(of.keys().next().value)
}
