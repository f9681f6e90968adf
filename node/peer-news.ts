import type { PeerId } from '../base/ids.ts'
import type { News } from './adapters/libp2p/news.ts'

const newsEveryMs = 10_000

export type NewsParts = {
  readonly gossip: { publish(news: News): void }
  readonly self: PeerId
  readonly damagedPartitions: () => number
  /** Of the view in force. */
  readonly epoch: () => number
}

/** Tells everybody in the fleet how this peer is, now and from time to time. @returns ends it. */
export function publishNews({ gossip, self, damagedPartitions, epoch }: NewsParts): () => void {
  gossip.publish({ kind: 'epoch', epoch: epoch() })
  const timer = setInterval(() => {
    gossip.publish({ kind: 'health', peer: self, counters: { damagedPartitions: damagedPartitions() } })
    // Beats tell it to whom this peer is connected, at once; while partitions move, views follow each other fast.
    gossip.publish({ kind: 'epoch', epoch: epoch() })
  }, newsEveryMs)
  return () => clearInterval(timer)
}
