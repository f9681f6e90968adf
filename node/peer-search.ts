import { join } from 'node:path'
import type { PeerId } from '../base/ids.ts'
import type { Identity } from '../crypto/identity.ts'
import type { View } from '../dht/view.ts'
import type { Driver } from './driver/driver.ts'
import type { Search } from './fleet-search/api.ts'
import { FleetSearch } from './fleet-search/fleet-search.ts'
import { IndexKeeper } from './fleet-search/index-keeper.ts'
import type { LocalContexts } from './fleet-search/ports.ts'
import { SearchResponder } from './fleet-search/responder.ts'
import { localChanges } from './local-changes.ts'
import { wholePartitions } from './local-histories.ts'
import type { Exchange } from './ports/exchange.ts'
import type { ChangeLog } from './ports/opened-disk.ts'
import type { Log } from './running-peer.ts'
import { type IndexConfiguration, mainIndex } from './search/engine/configuration.ts'
import type { StoreDesk } from './store/store-desk.ts'

export type PeerSearchParts = {
  /** Directory of the peer. */
  readonly dir: string
  readonly self: Identity
  readonly view: () => View
  readonly driver: Pick<Driver, 'damagedPartitions'>
  readonly exchange: Exchange
  readonly changes: ChangeLog
  readonly local: LocalContexts
  readonly desk: StoreDesk
  /** Roles that a member may read. */
  readonly entitledTo: (peer: PeerId) => readonly string[]
  /** Those that it keeps; the main one alone where none are named. */
  readonly indexes?: readonly IndexConfiguration[] | undefined
  readonly log: Log
}

const bindingLabel = 'slurp/v1/search index of a peer'

export type PeerSearch = {
  readonly search: Search
  /** The keys are gone. */
  forget(): void
  stop(): Promise<void>
}

/** The search of one peer: its index, what feeds it, and what others ask of it. */
export function startPeerSearch(parts: PeerSearchParts): PeerSearch {
  const { dir, self, view, driver, exchange, changes, local, desk, entitledTo, log } = parts
  const { indexes = [mainIndex] } = parts
  const failed = (failure: unknown) => log.error({ failure: String(failure) }, 'the search index failed')
  const keeper = new IndexKeeper({
    dir: join(dir, 'search'),
    bindingSecret: self.secretFor(bindingLabel),
    desk,
    changes: localChanges(changes, self.peerId),
    local,
    indexes,
    failed,
  })
  const answersFor = wholePartitions(local, driver)
  const responder = new SearchResponder({ keeper, entitledTo, answersFor, indexes })
  exchange.serve((from, question) => responder.answer(from, question))
  const monotonicMs = () => desk.parts.clock.monotonicMs()
  const search = new FleetSearch({
    self: self.peerId,
    view,
    exchange,
    responder,
    monotonicMs,
    keeper,
    desk,
    indexes,
    failed,
  })
  keeper.start()
  return { search, forget: () => keeper.forget(), stop: () => keeper.stop() }
}
