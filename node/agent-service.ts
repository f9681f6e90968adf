import type { Clock as HlcClock } from '../base/hlc.ts'
import type { PeerId } from '../base/ids.ts'
import { sha256Hex } from '../crypto/digest.ts'
import type { View } from '../dht/view.ts'
import type { Libp2pPeer } from './adapters/libp2p/start.ts'
import { AgentDesk } from './agents/agent-desk.ts'
import { CopyDesk } from './agents/copy-desk.ts'
import type { PeerAudit } from './audit/peer-audit.ts'
import type { Driver } from './driver/driver.ts'
import type { LocalContexts } from './fleet-search/ports.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import type { KeyService } from './keys/key-service.ts'
import type { AddressFile } from './known-addresses.ts'
import { localChanges } from './local-changes.ts'
import { wholePartitions } from './local-histories.ts'
import type { ChangeLog } from './ports/opened-disk.ts'
import type { Log } from './running-peer.ts'

export type AgentServiceParts = {
  readonly self: PeerId
  readonly view: () => View
  readonly libp2p: Libp2pPeer
  readonly driver: Driver
  readonly local: LocalContexts
  readonly changes: ChangeLog
  readonly hlc: HlcClock
  readonly keys: KeyService
  readonly grants: GrantKeeper
  readonly audit: PeerAudit
  readonly addressFile: AddressFile
  readonly log: Log
}

/** What this peer does for agents, from now on. @returns its counters. */
export function serveAgents(parts: AgentServiceParts): () => Record<string, number> {
  const { self, view, libp2p, driver, local, changes, hlc, keys, grants, audit, addressFile, log } = parts
  const addressesOf = (peer: PeerId) =>
    peer === self ? libp2p.addresses() : (addressFile.known()[peer] ?? [])
  const desk = new AgentDesk({
    rights: grants.agents,
    audit,
    pulse: isFirst => ({
      wallMs: driver.clock.isKnown ? driver.clock.wallMs() : null,
      registry: sha256Hex(keys.registryBytes),
      epoch: view().epoch,
      grant: isFirst ? grants.shown : '',
      members: isFirst
        ? view().members.map(({ id, name }) => ({ id, name, addresses: addressesOf(id) }))
        : [],
    }),
    registry: () => keys.registryBytes,
    submit: (operation, timeoutMs) => new Promise(resolve => driver.submit(operation, timeoutMs, resolve)),
    answerAboutGrants: (from, question, mayGive) => grants.sync.answerAgent(from, question, mayGive),
    copies: new CopyDesk({
      local,
      changes: localChanges(changes, self),
      answersFor: wholePartitions(local, driver),
      wallMs: () => driver.clock.wallMs(),
    }),
    clock: hlc,
    log,
  })
  libp2p.agents.serve((from, question, address) => desk.answer(from, question, address))
  return () => ({ ...desk.counters })
}
