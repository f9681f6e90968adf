import { type GossipSub, type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { TokenBuckets } from '../../caps/token-buckets.ts'
import { decodeNews, encodeNews, type News } from './news.ts'

/** Largest news, in bytes. */
export const newsBytesMax = 1024

export const newsTopic = (fleet: FleetId): string => `/slurp/${fleet}/news`

export type GossipOptions = {
  readonly pubsub: GossipSub
  readonly fleet: FleetId
  isMember(peer: PeerId): boolean
  /** Only what passed every check; `from` signed it. */
  onNews(from: PeerId, news: News): void
}

/** News that nothing depends on: whoever misses one learns it from the protocol's own messages. */
export class Gossip {
  private readonly options: GossipOptions
  private readonly topic: string
  /** The newest of each kind that waits for somebody to hear it: older ones are worth nothing. */
  private readonly waiting = new Map<News['kind'], News>()
  private readonly allowances = new TokenBuckets({ perSecond: 20, burst: 50, subjectsMax: 10_000 })
  private readonly counts = { published: 0, received: 0, rejected: 0, limited: 0, unpublished: 0 }
  private stopped = false

  constructor(options: GossipOptions) {
    this.options = options
    this.topic = newsTopic(options.fleet)
    const { pubsub } = options
    pubsub.topicValidators.set(this.topic, (source, message) => this.judge(source.toString(), message))
    pubsub.addEventListener('message', event => this.hear(event.detail))
    pubsub.addEventListener('subscription-change', () => this.publishWaiting())
    pubsub.subscribe(this.topic)
  }

  /** Spreads news now, or as soon as there is somebody to tell; the newest of a kind replaces one that waits. */
  publish(news: News): void {
    this.waiting.set(news.kind, news)
    this.publishWaiting()
  }

  counters(): Record<string, number> {
    return { ...this.counts }
  }

  stop(): void {
    this.stopped = true
    this.waiting.clear()
    this.options.pubsub.topicValidators.delete(this.topic)
  }

  private publishWaiting(): void {
    const { pubsub } = this.options
    // News of its own goes to every subscriber, in the mesh or not: for a minute nobody may be in it who is connected.
    if (this.stopped || this.waiting.size === 0 || pubsub.getSubscribers(this.topic).length === 0) return
    const news = [...this.waiting.values()]
    this.waiting.clear()
    for (const one of news) {
      pubsub.publish(this.topic, encodeNews(one)).then(
        () => {
          this.counts.published += 1
        },
        () => {
          // Who was there went away meanwhile. News is worth no second attempt.
          this.counts.unpublished += 1
        },
      )
    }
  }

  /** Runs before a message is passed on: what is refused here goes no further. */
  private judge(source: string, message: Message): TopicValidatorResult {
    const author = authorOf(message)
    if (author === null || !this.options.isMember(author) || read(author, message) === null) {
      this.counts.rejected += 1
      return TopicValidatorResult.Reject
    }
    // The one who passed it on pays too, so that nobody floods with old messages of others.
    if (!this.allow(author) || (source !== author && !this.allow(`via ${source}`))) {
      this.counts.limited += 1
      return TopicValidatorResult.Ignore
    }
    return TopicValidatorResult.Accept
  }

  private hear(message: Message): void {
    if (this.stopped || message.topic !== this.topic) return
    const author = authorOf(message)
    if (author === null) return
    const news = read(author, message)
    if (news === null) return
    this.counts.received += 1
    this.options.onNews(author, news)
  }

  private allow(who: string): boolean {
    return this.allowances.take(who, performance.now())
  }
}

const authorOf = (message: Message): PeerId | null =>
  message.type === 'signed' ? (message.from.toString() as PeerId) : null

/** @returns null for what is malformed, or speaks about another than its author. */
function read(author: PeerId, message: Message): News | null {
  if (message.data.length > newsBytesMax) return null
  const news = decodeNews(message.data)
  return news !== null && news.kind === 'health' && news.peer !== author ? null : news
}
