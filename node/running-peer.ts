import type { FleetId, PeerId } from '../base/ids.ts'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import type { View } from '../dht/view.ts'
import type { Audit, AuditSettings } from './audit/peer-audit.ts'
import type { FleetControl } from './fleet-control.ts'
import type { Search } from './fleet-search/api.ts'
import type { AgentTokens, GrantAdmin, JoinTokens, Rights } from './grants/api.ts'
import type { KeyControl } from './key-control.ts'
import type { CryptoMeter } from './monitoring/crypto-meter.ts'
import type { IndexConfiguration } from './search/engine/configuration.ts'
import type { PeerStatus, ReadinessCheck } from './status.ts'
import type { ContextStore } from './store/api.ts'
import type { Catalogue } from './store/catalogue/api.ts'
import type { Retention } from './store/retention/api.ts'

/**
 * Where a process writes its JSON lines. Fields name peers, counts and codes; never a context's text, an
 * address or a secret. A pino logger fits.
 */
export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export type PeerOptions = {
  /** Directory of the one peer (`DIR/p1`). */
  readonly dir: string
  /** Interface that the peer protocol listens on; loopback when absent. */
  readonly host?: string
  /** TCP port wanted for the peer protocol; the next free one when it is taken. */
  readonly preferredPort?: number
  /** Multiaddresses of peers to look for first. */
  readonly bootstrap?: readonly string[]
  /** Largest context in bytes of JSON; the store's own default when absent. */
  readonly contextBytesMax?: number
  readonly audit: AuditSettings
  /** Search indexes that this process keeps; the main one alone when absent. */
  readonly indexes?: readonly IndexConfiguration[]
  /** For how long a key version that is to be destroyed is still taken, in milliseconds; a minute when absent. */
  readonly keyCutOffMs?: number
  /** Opens the identity when it is sealed; without it such a peer does not start. */
  readonly passphrase?: PassphraseSource
  /** Version of SLURP, shown by `status`. */
  readonly version: string
  readonly log: Log
  /** This peer is no member of the fleet any more: it gave away what it had, or was removed. */
  readonly onLeft?: () => void
}

/** One peer of a fleet, up in this process: what the doors are built on. */
export interface RunningPeer {
  readonly id: PeerId
  readonly name: string
  readonly fleet: FleetId
  /** As this peer's own grant allows; `rights.storeOf` for other callers. */
  readonly store: ContextStore
  readonly rights: Rights
  readonly grants: GrantAdmin
  readonly joinTokens: JoinTokens
  readonly agentTokens: AgentTokens
  readonly retention: Retention
  readonly catalogue: Catalogue
  readonly search: Search
  /** What is allowed and denied here. */
  readonly audit: Audit
  /** Multiaddresses that the peer protocol listens on. */
  addresses(): string[]
  /** `peer.url` is null here: the HTTP door fills in its own. */
  status(): PeerStatus
  /** Ready means that every check is ok. */
  checks(): ReadinessCheck[]
  /** Monotonic counts since start, by name. */
  counters(): Record<string, number>
  /** Work with keys since start. */
  readonly cryptoMeter: CryptoMeter
  /** The view in force. */
  ring(): View
  /** Changes of the fleet as a whole. */
  readonly control: FleetControl
  /** The keys of this process, and their shares. */
  readonly keys: KeyControl
  /** Resolves once nothing is left in flight: every save synced, every hint that can be delivered is. */
  settle?(): Promise<void>
  /** Finishes what runs within `graceMs`, then closes network and disk. Safe to call twice. */
  stop(graceMs: number): Promise<void>
}

/**
 * @throws SlurpError DIRECTORY_TAKEN, DATA_MISSING, FORMAT_UNKNOWN, INTEGRITY_FAILED, CONFIG_INVALID, PASSPHRASE_NEEDED,
 * PASSPHRASE_WRONG.
 */
export type StartPeer = (options: PeerOptions) => Promise<RunningPeer>
