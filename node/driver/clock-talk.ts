import type { PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { ClockMessage, PeerMessage } from '../peer/fleet-messages.ts'
import type { Input } from '../peer/step.ts'
import type { FleetClock } from './fleet-clock.ts'

export type ClockTalkOptions = {
  readonly clock: FleetClock
  /** The view in force. */
  readonly view: () => View
  readonly send: (to: PeerId, message: ClockMessage) => void
}

/** As long as the time is not known, everybody is asked so often. */
const askEveryMs = 250
/** With a heartbeat a peer is told this process's clock, so often. */
const tellEveryMs = 2_000

/** What members tell each other of their clocks, from before a peer takes part. */
export class ClockTalk {
  readonly #options: ClockTalkOptions
  readonly #connected = new Set<PeerId>()
  /** When each was told last, on the monotonic clock. */
  readonly #toldMs = new Map<PeerId, number>()
  #whenKnown: (() => void) | null = null
  #cancelTimer: () => void = () => undefined

  constructor(options: ClockTalkOptions) {
    this.#options = options
  }

  get connected(): ReadonlySet<PeerId> {
    return this.#connected
  }

  /** Calls `known` once, as soon as the time of the fleet is known: now, where it is. */
  start(known: () => void): void {
    this.#whenKnown = known
    this.#look()
  }

  stop(): void {
    this.#whenKnown = null
    this.#cancelTimer()
  }

  /** Follows who is connected. */
  note(input: Input): void {
    if (input.kind === 'peerConnected') {
      this.#connected.add(input.peer)
      if (this.#whenKnown !== null) this.#options.send(input.peer, { kind: 'clockAsked' })
    } else if (input.kind === 'peerLost') {
      this.#connected.delete(input.peer)
      this.#toldMs.delete(input.peer)
    }
  }

  /** False: the message is about something else. */
  take(from: PeerId, message: PeerMessage): boolean {
    switch (message.kind) {
      case 'clockAsked':
        this.#tell(from)
        return true
      case 'clockTold':
        this.#options.clock.told(from, message)
        if (this.#whenKnown !== null && this.#options.clock.isKnown) this.#end()
        return true
      default:
        return false
    }
  }

  /** A heartbeat leaves for this peer: now and then the clock goes along. */
  beats(to: PeerId): void {
    const dueMs = (this.#toldMs.get(to) ?? Number.NEGATIVE_INFINITY) + tellEveryMs
    if (this.#options.clock.monotonicMs() >= dueMs) this.#tell(to)
  }

  #tell(to: PeerId): void {
    const { clock, send, view } = this.#options
    const { epoch, members } = view()
    this.#toldMs.set(to, clock.monotonicMs())
    send(to, { kind: 'clockTold', wallMs: clock.ownWallMs(), epoch, members: members.length })
  }

  #look(): void {
    const { clock, send } = this.#options
    if (this.#whenKnown === null) return
    if (clock.isKnown) return this.#end()
    for (const peer of this.#connected) send(peer, { kind: 'clockAsked' })
    this.#cancelTimer = clock.at(clock.monotonicMs() + askEveryMs, () => this.#look())
  }

  #end(): void {
    const known = this.#whenKnown
    this.stop()
    known?.()
  }
}
