import type { ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { HealthState } from '../../election/health-step.ts'
import type { ComparisonEnd } from '../../replication/anti-entropy.ts'
import type { ListedVersions } from '../../replication/collection.ts'
import type { CollectionEnd } from '../../replication/collector.ts'
import type { Counted } from '../../replication/context.ts'
import type { Operation, Outcome, ReplicaMessage, ScanEntry } from '../../replication/messages.ts'
import type { Change, Hint } from '../../replication/records.ts'
import type { ControlMessage, PeerMessage } from './fleet-messages.ts'

/** Both clocks at the moment of an input; the peer never reads one itself. */
export type Now = { readonly wallMs: number; readonly monotonicMs: number }

/** Past events. */
export type Input =
  | { readonly kind: 'messageArrived'; readonly from: PeerId; readonly message: PeerMessage }
  /** A question that waited for the view that is in force now. */
  | { readonly kind: 'released'; readonly from: PeerId; readonly message: ReplicaMessage }
  /** From this process's own store. `timeoutMs` counts from now. */
  | {
      readonly kind: 'requested'
      readonly request: number
      readonly operation: Operation
      readonly timeoutMs: number
    }
  | { readonly kind: 'timePassed' }
  | { readonly kind: 'peerConnected'; readonly peer: PeerId }
  | { readonly kind: 'peerLost'; readonly peer: PeerId }
  /** Once, after the disk was opened: what an earlier boot left undone goes on. */
  | { readonly kind: 'started' }
  /** This process knows of a view that was agreed on. */
  | { readonly kind: 'viewTold'; readonly view: View }
  /** Everything that was saved before `confirmSaved` is durable. */
  | { readonly kind: 'saved'; readonly mark: number }
  /** At most `limit` of each, from the front; `done`: nothing is left. */
  | {
      readonly kind: 'recordsListed'
      readonly list: number
      readonly heads: readonly ContextKey[]
      readonly versions: readonly { readonly key: ContextKey; readonly version: Version }[]
      readonly done: boolean
    }
  | {
      readonly kind: 'partitionScanned'
      readonly scan: number
      readonly entries: readonly ScanEntry[]
      readonly done: boolean
    }
  | { readonly kind: 'versionsListed'; readonly list: number; readonly versions: ListedVersions }
  /** Work of a duty in one partition, under the token of the leader that wants it (rule 11). Ends with `taskEnded`. */
  | { readonly kind: 'taskAsked'; readonly task: number; readonly work: Task }
  | { readonly kind: 'hintsListed'; readonly peer: PeerId; readonly hints: readonly Hint[] }
  /** At start: the disk says that it lost writes that were acknowledged. */
  | { readonly kind: 'recordsLost' }
  /** At start: partitions that were marked damaged in an earlier boot, or whose record is. */
  | { readonly kind: 'damageSeen'; readonly partitions: readonly PartitionId[] }

export type Task =
  /** Rule 9, for every key that this peer has in the partition. */
  | { readonly kind: 'collect'; readonly partition: PartitionId; readonly token: number }
  /** Anti-entropy with one other owner. */
  | {
      readonly kind: 'compare'
      readonly partition: PartitionId
      readonly peer: PeerId
      readonly token: number
    }

export type TaskEnd = CollectionEnd | ComparisonEnd

/** Imperatives, in order. The driver carries them out; `save` is durable before a later `sendAfterSave` of its key leaves. */
export type Effect =
  | { readonly kind: 'save'; readonly changes: readonly Change[] }
  /** Leaves when everything saved so far for `key` and its partition is durable. */
  | {
      readonly kind: 'sendAfterSave'
      readonly to: PeerId
      readonly key: ContextKey
      readonly message: PeerMessage
    }
  | { readonly kind: 'send'; readonly to: PeerId; readonly message: PeerMessage }
  /** Leaves when everything saved so far is durable. */
  | { readonly kind: 'sendWhenSaved'; readonly to: PeerId; readonly message: PeerMessage }
  /** `released` is wanted: a step sees what earlier ones saved and nothing that it saves itself, so it answers one question. */
  | { readonly kind: 'release'; readonly from: PeerId; readonly message: ReplicaMessage }
  /** The view to start with from the next boot on. */
  | { readonly kind: 'saveView'; readonly view: View }
  /** `saved` is wanted when everything saved so far is durable. */
  | { readonly kind: 'confirmSaved'; readonly mark: number }
  /** Which heads and versions of a partition there are, for dropping them. */
  | {
      readonly kind: 'listRecords'
      readonly list: number
      readonly partition: PartitionId
      readonly limit: number
    }
  | { readonly kind: 'answer'; readonly request: number; readonly outcome: Outcome }
  /** One timer a peer: `timePassed` is wanted at or after this monotonic time; replaces the one before. */
  | { readonly kind: 'arm'; readonly atMs: number }
  | {
      readonly kind: 'scanPartition'
      readonly scan: number
      readonly partition: PartitionId
      readonly after: ContextKey | null
      readonly limit: number
    }
  /** All versions on the disk under each of these keys. */
  | { readonly kind: 'listVersions'; readonly list: number; readonly keys: readonly ContextKey[] }
  | { readonly kind: 'taskEnded'; readonly task: number; readonly end: TaskEnd }
  /** Hints for a peer that is back, at most `limit`. */
  | { readonly kind: 'listHints'; readonly peer: PeerId; readonly limit: number }
  | { readonly kind: 'report'; readonly event: PeerEvent }
  /** For the control plane of this process. */
  | { readonly kind: 'passOn'; readonly from: PeerId; readonly message: ControlMessage }

/** What happened that an operator or a metric wants to know. No secret, no text of a context. */
export type PeerEvent =
  | { readonly kind: 'damageFound'; readonly key: ContextKey }
  | { readonly kind: 'damageRepaired'; readonly key: ContextKey }
  | { readonly kind: 'partitionDamaged'; readonly partition: PartitionId }
  | { readonly kind: 'partitionRepaired'; readonly partition: PartitionId }
  /** What this peer takes another one for. */
  | {
      readonly kind: 'healthChanged'
      readonly peer: PeerId
      readonly from: HealthState
      readonly to: HealthState
    }
  /** A newer view is in force here. */
  | { readonly kind: 'viewAdopted'; readonly view: View }
  | { readonly kind: 'counted'; readonly name: Counted }
