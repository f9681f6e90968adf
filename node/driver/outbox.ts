import type { Hlc, PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { PeerMessage } from '../peer/fleet-messages.ts'
import type { Network } from '../ports/ports.ts'
import { encodeFrame, frameMessagesMax } from './codec/wire.ts'

/** Bytes of data after which a frame is closed; one message of the largest size still fits under the network's cap. */
const frameDataMax = 4 * 1024 * 1024

/** Messages of a tick, one frame a peer. */
export class Outbox {
  readonly #network: Network
  readonly #clock: () => Hlc
  readonly #dropped: (to: PeerId) => void
  #waiting = new Map<PeerId, PeerMessage[]>()

  constructor(network: Network, clock: () => Hlc, dropped: (to: PeerId) => void) {
    this.#network = network
    this.#clock = clock
    this.#dropped = dropped
  }

  add(to: PeerId, message: PeerMessage): void {
    const messages = this.#waiting.get(to)
    if (messages) messages.push(message)
    else this.#waiting.set(to, [message])
  }

  flush(): void {
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [to, messages] of waiting) {
      // Most have one message: no list of parts is made of it.
      for (const part of messages.length === 1 ? [messages] : inFrames(messages)) {
        const frame = encodeFrame({ clock: this.#clock(), messages: part })
        if (!this.#network.send(to, frame)) this.#dropped(to)
      }
    }
  }
}

function* inFrames(messages: PeerMessage[]): Generator<PeerMessage[]> {
  let part: PeerMessage[] = []
  let bytes = 0
  for (const message of messages) {
    part.push(message)
    bytes += dataBytes(message)
    if (bytes < frameDataMax && part.length < frameMessagesMax) continue
    yield part
    part = []
    bytes = 0
  }
  if (part.length > 0) yield part
}

function dataBytes(message: PeerMessage): number {
  switch (message.kind) {
    case 'accept':
    case 'replay':
      return message.value.data?.length ?? 0
    case 'promise':
    case 'report':
      return message.value?.data?.length ?? 0
    case 'request':
      return message.operation.kind === 'write' ? message.operation.value.data.length : 0
    case 'backfill':
      return message.record.data?.length ?? 0
    case 'chain':
      return message.records.reduce((sum, record) => sum + (record.data?.length ?? 0), 0)
    case 'reply':
      return message.outcome.kind === 'found' ? (message.outcome.value.data?.length ?? 0) : 0
    case 'viewTold':
      return viewBytes(message.view)
    default:
      return 0
  }
}

/** Near enough for closing a frame in time. */
const viewBytes = ({ members, partitions }: View): number => members.length * 256 + partitions.length * 64
