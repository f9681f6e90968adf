import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, FleetId, PeerId, RoleName } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import type { Identity } from '../../crypto/identity.ts'
import { isRole, merged, type Registry, recipientsOf } from '../../crypto/registry/registry.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import { fleetSecretName, type SecretName } from '../../crypto/shares/secret-name.ts'
import { catchUpOf } from '../keys/catch-up.ts'
import { Collector } from '../keys/collector.ts'
import { HeldKeys } from '../keys/held-keys.ts'
import { noShareAudit } from '../keys/share-audit.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { FleetLinks } from './fleet-links.ts'

export type AgentKeysParts = {
  readonly self: Identity
  readonly fleet: FleetId
  readonly exchange: Exchange
  readonly links: FleetLinks
  readonly clock: Clock
  readonly log: Log
  readonly meter: CryptoTimer
  /** Roles that the grant lets this agent open, `any`: all; null: it may have no key at all now. */
  readonly roles: () => 'any' | readonly RoleName[] | null
  /** One sentence: why it may have none. */
  readonly why: () => string
  /** Keys are gone: nothing that they opened may stay. */
  readonly sealed: () => void
}

const askMs = 3_000
const givenMax = 256

/** The keys of an agent: collected from the holders of shares, in memory only, as long as its grant is good. */
export class AgentKeys {
  readonly held: HeldKeys
  readonly #parts: AgentKeysParts
  readonly #collector: Collector
  #registry: Registry | null = null
  /** Hashes of what members gave: what is known already is not asked for again. */
  readonly #given = new LRUCache<Digest, true>({ max: givenMax })
  #recipients: readonly RoleRecipient[] = []
  #isFetching = false
  /** Members that were ready when the keys were looked after last. */
  #ready: ReadonlySet<PeerId> = new Set()
  #wakes: (() => void)[] = []
  #hadAny = false

  constructor(parts: AgentKeysParts) {
    this.#parts = parts
    this.#collector = new Collector({
      ...parts,
      audit: noShareAudit,
      // Nothing but its grant entitles an agent, and members know that.
      toTellFirst: () => null,
      // An agent holds no share of anything.
      ownShare: async () => 'No share of that dealing is here.',
      changed: () => this.#changed(),
    })
    this.held = new HeldKeys(
      () => this.#entitled(),
      () => this.#known(),
      this.#collector,
      () => parts.why(),
      catchUpOf({
        clock: parts.clock,
        collector: this.#collector,
        refresh: () => this.#fetch(null),
        changed: () => new Promise(resolve => this.#wakes.push(resolve)),
      }),
    )
  }

  /** Null until a member gave it. */
  get registry(): Registry | null {
    return this.#registry
  }

  get collector(): Pick<Collector, 'keyOf' | 'identityOf'> {
    return this.#collector
  }

  /** Asks a member for the registry as it is there now. @throws SlurpError QUORUM_UNREACHED, INTEGRITY_FAILED. */
  async refresh(): Promise<void> {
    await this.#fetch(null)
    this.#collect()
  }

  get recipients(): readonly RoleRecipient[] {
    return this.#recipients
  }

  /** Whether all keys are there that the grant allows. */
  get isOpen(): boolean {
    return this.#registry !== null && this.#entitled().length > 0 && this.held.sealedWhy === null
  }

  /** How many keys there are, and how many there will be. */
  get progress(): { readonly open: number; readonly wanted: number } {
    const slots = this.#collector.list()
    return {
      open: slots.filter(({ entry }) => this.#collector.keyOf(entry) !== null).length,
      wanted: slots.length,
    }
  }

  /** Looks after the keys: learns what changed, collects, or gives up what may not be had any more. Never rejects. */
  async tend(): Promise<void> {
    if (this.#parts.roles() === null) return this.wipe()
    const [other] = this.#parts.links.othersThan(digest => this.#given.has(digest))
    if (other !== undefined) await this.#fetch(other).catch(ignoreFailure)
    this.#collect()
  }

  /** Overwrites every key that is here, and forgets what they opened. */
  wipe(): void {
    if (!this.#hadAny) return
    this.#hadAny = false
    this.#collector.drop()
    this.#parts.sealed()
    this.#parts.log.warn({ why: this.#parts.why() }, 'the keys of this agent were wiped')
  }

  stop(): void {
    this.wipe()
    this.#collector.close()
  }

  #entitled(): readonly SecretName[] {
    const roles = this.#parts.roles()
    if (roles === null || this.#registry === null) return [fleetSecretName]
    const names = new Set(this.#registry.secrets.map(({ name }) => name))
    const granted = [...names].filter(
      name => isRole(name) && (roles === 'any' || roles.includes(name as RoleName)),
    )
    return [fleetSecretName as SecretName, ...granted].sort()
  }

  #known(): Registry {
    return (
      this.#registry ?? {
        fleet: this.#parts.fleet,
        authority: new Uint8Array(32),
        secrets: [],
        entitlements: [],
      }
    )
  }

  #collect(): void {
    if (this.#registry === null || this.#parts.roles() === null) return
    const names = new Set(this.#entitled())
    this.#hadAny = true
    this.#collector.want(
      this.#registry.secrets.filter(({ name, state }) => names.has(name) && state !== 'destroyed'),
    )
    // Only who is new: a holder that is there and slow would be asked again before it can answer.
    const ready = new Set(this.#parts.links.ready())
    for (const peer of ready) if (!this.#ready.has(peer)) this.#collector.reachable(peer)
    this.#ready = ready
  }

  /** @throws SlurpError QUORUM_UNREACHED, INTEGRITY_FAILED. */
  async #fetch(from: PeerId | null): Promise<void> {
    const peer = from ?? this.#parts.links.ready()[0]
    if (this.#isFetching || peer === undefined) return
    this.#isFetching = true
    try {
      const answer = await this.#parts.links.ask(peer, { kind: 'registry' }, askMs)
      if (answer?.kind !== 'done')
        throw new SlurpError('QUORUM_UNREACHED', 'No member gave the registry of keys.')
      this.#adopt(answer.body)
    } finally {
      this.#isFetching = false
    }
  }

  /** What a member gives proves itself; of two the later dealings count. */
  #adopt(bytes: Uint8Array): void {
    const given = decodeRegistry(bytes, this.#parts.fleet)
    this.#given.set(sha256Hex(bytes), true)
    this.#registry = this.#registry === null ? given : merged(this.#registry, given)
    this.#recipients = recipientsOf(this.#registry, this.#recipients)
    const holders = this.#registry.secrets.flatMap(({ set }) => set.set.holders.map(({ peer }) => peer))
    this.#parts.links.prefer([...new Set(holders)])
  }

  #changed(): void {
    const wakes = this.#wakes
    this.#wakes = []
    for (const wake of wakes) wake()
  }
}

function ignoreFailure(thrown: unknown): void {
  if (!(thrown instanceof SlurpError)) throw thrown
}
