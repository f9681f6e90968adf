import type { ContextKey } from '../../base/ids.ts'
import { isGone } from '../../replication/collection.ts'
import type { Client } from '../../replication/context.ts'
import { bringUp } from '../../replication/coordinator.ts'
import { tryHintsLater } from '../../replication/hints.ts'
import { onSettled } from '../../replication/history-walk.ts'
import type { Outcome } from '../../replication/messages.ts'
import { toPlace } from '../../replication/partition-state.ts'
import { onOwnOutcome } from '../../replication/requester.ts'
import { considerBackfill } from '../../replication/versions.ts'
import type { Machines } from './machines.ts'
import type { Now } from './step.ts'

/** Turns what the machines wish into effects; an outcome may make another machine wish for more. */
export function grantWishes(machines: Machines, now: Now): void {
  const { acceptor, coordinator, emit, process } = machines
  const { wishes } = process
  for (let at = 0; at < wishes.length; at++) {
    const wish = wishes[at]!
    switch (wish.kind) {
      case 'send':
        emit({ kind: 'send', to: wish.to, message: wish.message })
        break
      case 'finish':
        finish(machines, wish.client, wish.key, wish.outcome, now)
        break
      case 'missed': {
        // Only an owner has what it would deliver.
        if (!process.placeOf(wish.key).accepts) break
        const { peer, key, version } = wish
        emit({ kind: 'report', event: { kind: 'counted', name: 'hintKept' } })
        emit({ kind: 'save', changes: [{ kind: 'hint', hint: { peer, key, version } }] })
        tryHintsLater(machines.deliverer, peer, now.monotonicMs)
        break
      }
      case 'keep': {
        const { key, record } = wish
        const place = process.placeOf(key)
        if (!place.accepts || isGone(acceptor, key, record.version, toPlace(place), now.wallMs)) break
        const { changes } = considerBackfill(acceptor.records, { kind: 'backfill', id: 0, key, record })
        if (changes.length > 0) emit({ kind: 'save', changes })
        break
      }
      case 'bringUp':
        bringUp(coordinator, wish.key, now)
        break
      case 'count':
        emit({ kind: 'report', event: { kind: 'counted', name: wish.name } })
    }
  }
  wishes.length = 0
}

/** Brings an outcome to whoever asked. */
function finish(machines: Machines, client: Client, key: ContextKey, outcome: Outcome, now: Now): void {
  switch (client.kind) {
    case 'local':
      return machines.emit({ kind: 'answer', request: client.request, outcome })
    case 'member': {
      const message = { kind: 'reply', id: client.id, outcome } as const
      return machines.emit({ kind: 'send', to: client.peer, message })
    }
    case 'requester':
      return onOwnOutcome(machines.requester, client.id, outcome, now)
    case 'repair':
      return
    case 'heal':
      return machines.repair.healed(key, outcome, now)
    case 'pull':
      return machines.puller.settled(key, outcome, now)
    case 'history':
      return onSettled(machines.reader.walks, client.reading, outcome, now)
  }
}
