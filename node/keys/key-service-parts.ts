import type { FleetId, PeerId, RoleName } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { SecretName } from '../../crypto/shares/secret-name.ts'
import type { View } from '../../dht/view.ts'
import type { ContextsOfKeys } from '../key-control.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import type { ShareAudit } from './share-audit.ts'

/** What the keys of one process need of it. */
export type KeyServiceParts = {
  readonly dir: string
  readonly self: Identity
  readonly fleet: FleetId
  readonly view: () => View
  readonly exchange: Exchange
  readonly register: SharedRegister
  /** Of the plan of rotations (`rotationPlanKey`). */
  readonly planRegister: SharedRegister
  readonly clock: Clock
  readonly log: Log
  /** Keys that were open are gone: nothing that they opened may stay. */
  readonly sealed: () => void
  /** What the fleet agreed on about its keys has changed. */
  readonly changed?: () => void
  /** Whether a grant in force lets a peer have a secret; left out, what the registry entitles to is enough. */
  readonly isGranted?: (peer: PeerId, secret: SecretName) => boolean
  /** Whether a grant lets who is no member hold a role, null: the secret of the fleet; left out, nothing does. */
  readonly isAgentGranted?: (peer: PeerId, role: RoleName | null) => boolean
  /** Whether a grant lets who is no member change keys; left out, none does. */
  readonly mayAgentChange?: (agent: PeerId) => boolean
  /** Whether all that a peer was granted was revoked: it holds no shares then. */
  readonly isBarred?: (peer: PeerId) => boolean
  /** Learns what a member is granted, where nothing of it is known yet: it may ask as soon as it is connected. */
  readonly meet?: (peer: PeerId) => Promise<void>
  /** Left out, nothing of what becomes of shares is recorded. */
  readonly audit?: ShareAudit
  readonly meter: CryptoTimer
  /** What is sealed to which key version, and how far sealing anew is; left out where nobody counts. */
  readonly contexts?: () => ContextsOfKeys
}
