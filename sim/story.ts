import type { Ballot, ContextKey, PeerId, Version } from '../base/ids.ts'
import type { View } from '../dht/view.ts'
import { decodeFrame } from '../node/driver/codec/wire.ts'
import type { PeerMessage } from '../node/peer/fleet-messages.ts'
import type { Value } from '../replication/messages.ts'

/** Lines of one story, at most: its end is what matters. */
export const storyLinesMax = 400

/**
 * Keeps what concerns one key, in words: callers, messages, faults. Versions are `v1`, `v2` and ballots `b1`, `b2`
 * in the order in which the story meets them.
 */
export class Story {
  private readonly key: ContextKey | null
  private readonly names: ReadonlyMap<PeerId, string>
  private readonly nowMs: () => number
  private lines: string[] = []
  private left = 0
  private readonly labels = new Map<string, string>()
  private readonly questions = new Map<string, string>()

  /** @param key - null: only what befalls the machines. */
  constructor(view: View, key: ContextKey | null, nowMs: () => number) {
    this.key = key
    this.nowMs = nowMs
    this.names = new Map(view.members.map(member => [member.id, member.name]))
  }

  tell(what: string): void {
    const time = (this.nowMs() / 1000).toFixed(4).padStart(10)
    this.lines.push(`${time}  ${this.readable(what)}`)
    if (this.lines.length <= storyLinesMax * 2) return
    this.left += this.lines.length - storyLinesMax
    this.lines = this.lines.slice(-storyLinesMax)
  }

  tellOf(key: ContextKey, what: string): void {
    if (key === this.key) this.tell(what)
  }

  frame(from: PeerId, to: PeerId, bytes: Uint8Array): void {
    if (this.key === null) return
    for (const message of decodeFrame(bytes).messages) {
      const what = this.wordsOf(from, to, message)
      if (what !== null) this.tell(`${this.names.get(from)} -> ${this.names.get(to)}  ${what}`)
    }
  }

  end(): string[] {
    const left = this.left + Math.max(0, this.lines.length - storyLinesMax)
    const head = left > 0 ? [`(${left} earlier lines left out)`] : []
    return [...head, ...this.lines.slice(-storyLinesMax)]
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
