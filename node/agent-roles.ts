import type { Clock as HlcClock } from '../base/hlc.ts'
import type { FleetId } from '../base/ids.ts'
import type { Identity } from '../crypto/identity.ts'
import type { View } from '../dht/view.ts'
import { CopySource } from './agent-index/copy-source.ts'
import { AgentKeyDuties } from './agent-keys/agent-key-duties.ts'
import { AgentReseal } from './agent-keys/agent-reseal.ts'
import { AgentRotation } from './agent-keys/agent-rotation.ts'
import type { AgentKeys } from './agents/agent-keys.ts'
import type { FleetLinks } from './agents/fleet-links.ts'
import type { Provenance } from './agents/provenance.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import type { KeptHistory, RoleList, RotatedRole } from './key-control.ts'
import { rolesOf } from './keys/key-report.ts'
import type { Exchange } from './ports/exchange.ts'
import type { Clock } from './ports/ports.ts'
import type { Log } from './running-peer.ts'
import type { Submitter } from './store/api.ts'

export type AgentRolesParts = {
  readonly self: Identity
  readonly fleet: FleetId
  readonly view: View
  readonly keys: AgentKeys
  readonly links: FleetLinks
  readonly provenance: Provenance
  readonly submitter: Submitter
  readonly grants: GrantKeeper
  /** Questions about keys. */
  readonly exchange: Exchange
  readonly clock: Clock
  readonly hlc: HlcClock
  readonly log: Log
}

/** What an agent does about the keys of its roles, as far as its grant lets it. */
export type AgentRoles = {
  list(): RoleList
  /** @throws SlurpError as `KeyControl.rotate`. */
  rotate(role: string, history?: KeptHistory): Promise<RotatedRole>
  /** Names of the roles among these that this agent can give a new key. */
  replaceable(roles: 'any' | readonly string[]): readonly string[]
  /** Keys that are to go leave its threads too. */
  forget(): void
  counters(): Record<string, number>
  stop(): void
}

export function openAgentRoles(parts: AgentRolesParts): AgentRoles {
  const { self, keys, links, grants, clock, log } = parts
  const rotation = new AgentRotation(parts)
  const mayChange = () => {
    const { own, judge } = grants
    const request = { subject: self.peerId, address: 'notAsked', operation: 'admin:keys' } as const
    return own !== null && judge.decide(own, { ...request, target: 'fleet' }, judge.nowMs).allowed
  }
  const reseal = new AgentReseal({
    ...parts,
    author: self,
    grant: () => (grants.own === null ? {} : { grant: grants.own.grantHash }),
    source: new CopySource(parts),
    partitions: parts.view.partitions.length,
    mayChange,
    clock,
    log,
  })
  const duties = new AgentKeyDuties({
    ...parts,
    rotate: (role, wish) => rotation.rotate(role, wish),
    mayChange,
  })
  reseal.start()
  duties.start()
  const nowhere = { rotations: () => [], everyDays: null }
  return {
    list() {
      const { registry } = keys
      if (registry === null) return { everyDays: null, roles: [], reencryption: null }
      const isOpenHere = (entry: Parameters<typeof keys.collector.identityOf>[0]) =>
        keys.collector.identityOf(entry) !== null
      const known = rolesOf(registry, nowhere, isOpenHere, peer => links.nameOf(peer) ?? peer)
      return { ...known, reencryption: reseal.progress }
    },
    rotate: (role, history = 'keep') => rotation.rotate(role, { history }),
    replaceable: roles =>
      mayChange() ? keys.held.heldRoles.filter(name => roles === 'any' || roles.includes(name)) : [],
    forget: () => reseal.forget(),
    counters: () => ({ ...reseal.counters, ...duties.counters }),
    stop() {
      reseal.stop()
      duties.stop()
    },
  }
}
