import type { DriverEvent } from '../../node/driver/driver-options.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'

const aboutTheFleet: ReadonlySet<PeerMessage['kind']> = new Set([
  'beat',
  'viewAsked',
  'viewTold',
  'health',
  'dutyOrdered',
  'dutyStopped',
  'dutyEnded',
])

/** What went over the network between two moments, and what was unusual. */
export class Counters {
  readonly messages = new Map<PeerMessage['kind'], number>()
  readonly events = new Map<string, number>()
  frames = 0
  bytes = 0
  /** Frames that the network did not take. */
  dropped = 0

  message(kind: PeerMessage['kind']): void {
    this.messages.set(kind, (this.messages.get(kind) ?? 0) + 1)
  }

  frame(bytes: number): void {
    this.frames += 1
    this.bytes += bytes
  }

  reported(event: DriverEvent): void {
    const name = event.kind === 'counted' ? event.name : event.kind
    this.events.set(name, (this.events.get(name) ?? 0) + 1)
  }

  /** Questions and answers of operations: without what members tell each other about the fleet. */
  get messagesCounted(): number {
    let sum = 0
    for (const [kind, count] of this.messages) if (!aboutTheFleet.has(kind)) sum += count
    return sum
  }

  reset(): void {
    this.messages.clear()
    this.events.clear()
    this.frames = 0
    this.bytes = 0
    this.dropped = 0
  }
}
