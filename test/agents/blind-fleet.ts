import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { decodeGrantFile, joinChain } from '../../crypto/grants/chain-text.ts'
import { grantFile } from '../../crypto/grants/first-grants.ts'
import { loadIdentity } from '../../crypto/identity.ts'
import { agentAtDoor } from '../../node/agent-door.ts'
import { type JoinedFleet, type JoinFleetOptions, joinFleet } from '../../node/agent-process.ts'
import type { GrantAdmin, GrantOrder } from '../../node/grants/api.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { KeyFleet } from '../keys/fleets.ts'

const openWithinMs = 90_000
const everything: GrantOrder = {
  subject: '',
  kind: 'agent',
  operations: ['read', 'write', 'delete', 'search', 'history'],
  roles: ['developer'],
  projects: 'any',
  paths: 'any',
  networks: 'any',
  hours: 'any',
  ttlSeconds: 3_600,
  bearer: false,
  dryRun: false,
}
/** What an agent may that looks after keys as well. */
export const keepers: GrantOrder['operations'] = [...everything.operations, 'admin:keys']

/** Real peers that are all blind, and agents, in this process. */
export class BlindFleet {
  readonly peers: KeyFleet
  readonly agents: JoinedFleet[] = []
  #granter: { readonly grants: GrantAdmin; readonly joined: JoinedFleet } | null = null

  private constructor(peers: KeyFleet) {
    this.peers = peers
  }

  /** @param ageMs - for how long there has been this fleet, as its keys say. */
  static async start(t: TestContext, count = 3, ageMs = 0): Promise<BlindFleet> {
    const names = Array.from({ length: count }, (_, place) => `p${place + 1}`)
    const now = Date.now.bind(Date)
    const made = t.mock.method(Date, 'now', () => now() - ageMs)
    const peers = await KeyFleet.make({
      peers: count,
      blind: names,
      roles: ['developer', 'tester'],
      keyCutOffMs: 1_000,
    })
    made.mock.restore()
    const fleet = new BlindFleet(peers)
    t.after(async () => {
      await Promise.all(fleet.agents.map(agent => agent.stop()))
      await peers.close()
    })
    await peers.start()
    return fleet
  }

  get bootstrap(): string[] {
    return [...this.peers.places.values()].map(({ address }) => address)
  }

  /** The agent that grants. */
  async granter(): Promise<{ readonly grants: GrantAdmin; readonly joined: JoinedFleet }> {
    if (this.#granter !== null) return this.#granter
    const dir = join(this.peers.dir, 'granter')
    const identity = await loadIdentity(join(dir, 'identity.key'))
    const grant = joinChain(decodeGrantFile(readFileSync(join(dir, grantFile))))
    const joined = await this.join({ identity, grant, dir })
    this.#granter = { grants: agentAtDoor(joined, 'granter', '0.0.0').grants, joined }
    return this.#granter
  }

  /** What an agent joins with: an identity and a grant of its own. */
  async grant(order: Partial<GrantOrder> = {}): Promise<Pick<JoinFleetOptions, 'identity' | 'grant'>> {
    const identity = await newIdentity()
    const { grants, joined } = await this.granter()
    const asked = { ...everything, ...order, subject: identity.peerId }
    const { chain } = await grants.create(joined.rights.self, asked)
    return { identity, grant: joinChain(chain!) }
  }

  /** How often one of a count of all agents was counted. */
  counted(name: string): number {
    return this.agents.reduce((sum, { roles }) => sum + roles.counters()[name]!, 0)
  }

  /** An agent that has its keys. */
  async join(options: Omit<JoinFleetOptions, 'bootstrap'>): Promise<JoinedFleet> {
    const joined = await joinFleet({ bootstrap: this.bootstrap, ...options })
    this.agents.push(joined)
    await joined.opened(openWithinMs)
    return joined
  }
}
