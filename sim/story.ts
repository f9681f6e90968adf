import type { Ballot, ContextKey, PeerId, Version } from '../base/ids.ts'
import { ownersOf, type View } from '../dht/view.ts'
import { decodeFrame } from '../node/driver/codec/wire.ts'
import type { PeerMessage } from '../node/peer/fleet-messages.ts'
import type { Value } from '../replication/messages.ts'
import type { Fate, StoryEvent, Tale, Telling } from './story-event.ts'
import { lasting } from './timeline/bars.ts'

/** Events of one story, at most: its end is what matters. */
export const storyEventsMax = 400

/**
 * Keeps what concerns one key: callers, messages, faults. In the words of its events versions are `v1`, `v2` and
 * ballots `b1`, `b2`, in the order in which the story meets them.
 */
export class Story {
  private readonly key: ContextKey | null
  private readonly names: ReadonlyMap<PeerId, string>
  private readonly nowMs: () => number
  private readonly owners: readonly string[]
  private events: StoryEvent[] = []
  private standing: readonly StoryEvent[] = []
  private leftOut = 0
  private readonly fates = new WeakMap<Uint8Array, Fate>()
  private readonly labels = new Map<string, string>()
  private readonly questions = new Map<string, string>()

  /**
   * @param view - at the start.
   * @param names - of every peer that may take part.
   * @param key - null: only what befalls the machines.
   */
  constructor(view: View, names: ReadonlyMap<PeerId, string>, key: ContextKey | null, nowMs: () => number) {
    this.key = key
    this.nowMs = nowMs
    this.names = names
    const owners = key === null ? [] : ownersOf(view, key)
    this.owners = owners.map(owner => this.names.get(owner)!)
  }

  tell(what: Telling): void {
    const event = typeof what === 'string' ? ({ kind: 'noted', what } as const) : what
    const readable = 'what' in event ? { ...event, what: this.readable(event.what) } : event
    this.events.push({ ...readable, atMs: this.nowMs() })
    if (this.events.length > storyEventsMax * 2) this.leaveOut()
  }

  tellOf(key: ContextKey, what: Telling): void {
    if (key === this.key) this.tell(what)
  }

  frame(from: PeerId, to: PeerId, bytes: Uint8Array): void {
    if (this.key === null) return
    const fate: Fate = { arrivedAtMs: [], stoppedBy: null }
    for (const message of decodeFrame(bytes).messages) {
      const what = this.wordsOf(from, to, message)
      if (what === null) continue
      this.fates.set(bytes, fate)
      const names = { from: this.names.get(from)!, to: this.names.get(to)! }
      this.tell({ kind: 'sent', ...names, message: message.kind, what, fate })
    }
  }

  /** What became of a frame that was told. */
  frameFate(bytes: Uint8Array, became: 'arrived' | 'cut' | 'loss'): void {
    const fate = this.fates.get(bytes)
    if (fate === undefined) return
    if (became === 'arrived') fate.arrivedAtMs.push(this.nowMs())
    else fate.stoppedBy = became
  }

  end(): Tale {
    this.leaveOut()
    const { owners, leftOut, standing, events } = this
    return { owners, leftOut, standing, events }
  }

  /** Keeps the last events, and of those before them what lasts. */
  private leaveOut(): void {
    const gone = this.events.slice(0, -storyEventsMax)
    if (gone.length === 0) return
    this.leftOut += gone.length
    this.events = this.events.slice(-storyEventsMax)
    this.standing = lasting([...this.standing, ...gone], this.events[0]!.atMs)
  }

  private wordsOf(from: PeerId, to: PeerId, message: PeerMessage): string | null {
    const asked = `${from}>${to}#${'id' in message ? message.id : ''}`
    switch (message.kind) {
      case 'prepare':
        return this.question(asked, message.key, `prepare ${message.ballot}`)
      case 'query':
        return this.question(asked, message.key, 'query')
      case 'accept': {
        const next = /[1-9a-f]/.test(message.next) ? `, next ${message.next}` : ''
        return this.question(
          asked,
          message.key,
          `accept ${message.ballot} ${valueText(message.value)}${next}`,
        )
      }
      case 'replay':
        return this.question(asked, message.key, `replay ${message.ballot} ${valueText(message.value)}`)
      case 'backfill':
        return this.question(asked, message.key, `backfill ${message.record.version}`)
      case 'promise':
      case 'report': {
        if (message.key !== this.key) return null
        const granted = message.kind === 'report' ? 'report' : message.granted ? 'promise' : 'no promise'
        const promised = message.kind === 'promise' ? ` ${message.promised}` : ''
        return `${granted}${promised}: ${valueText(message.value)} at ${message.accepted}`
      }
      case 'accepted':
      case 'refused': {
        const question = this.questions.get(`${to}>${from}#${message.id}`)
        if (question === undefined) return null
        if (message.kind === 'refused') return `refused, ${message.reason} (${question})`
        const next = message.nextGranted ? ' and next' : ''
        return message.granted
          ? `accepted${next} (${question})`
          : `not accepted, promised ${message.promised} (${question})`
      }
      case 'request':
        return this.question(asked, message.operation.key, `request ${operationText(message.operation)}`)
      case 'reply': {
        const question = this.questions.get(`${to}>${from}#${message.id}`)
        return question === undefined ? null : `reply ${message.outcome.kind} (${question})`
      }
      default:
        return null
    }
  }

  private question(asked: string, key: ContextKey, what: string): string | null {
    if (key !== this.key) {
      this.questions.delete(asked)
      return null
    }
    this.questions.set(asked, what)
    return what
  }

  private readable(what: string): string {
    return what
      .replace(/[0-9a-f]{64}/g, text => this.label('k', text))
      .replace(/\b[0-9a-f]{32}\b/g, text => (/^0+$/.test(text) ? 'b0' : this.label('b', text)))
      .replace(/\b[0-9a-f]{24}\b/g, text => this.label('v', text))
  }

  private label(letter: string, text: Version | Ballot | string): string {
    const known = this.labels.get(text)
    if (known !== undefined) return known
    const count = [...this.labels.values()].filter(label => label.startsWith(letter)).length
    const label = `${letter}${count + 1}`
    this.labels.set(text, label)
    return label
  }
}

const valueText = (value: Value | null): string =>
  value === null
    ? 'nothing'
    : `${value.version}${value.kind === 'tombstone' ? ' (tombstone)' : ''} after ${value.parent ?? 'nothing'}`

const operationText = (operation: Extract<PeerMessage, { kind: 'request' }>['operation']): string =>
  operation.kind === 'write' ? `write ${operation.id} attempt ${operation.attempt}` : operation.kind
