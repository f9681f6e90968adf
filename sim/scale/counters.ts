import type { DriverEvent } from '../../node/driver/driver.ts'
import type { Message } from '../../replication/messages.ts'

/** What went over the network between two moments, and what was unusual. */
export class Counters {
  readonly messages = new Map<Message['kind'], number>()
  readonly events = new Map<string, number>()
  frames = 0
  bytes = 0
  /** Frames that the network did not take. */
  dropped = 0

  message(kind: Message['kind']): void {
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

  get messagesCounted(): number {
    return [...this.messages.values()].reduce((sum, count) => sum + count, 0)
  }

  reset(): void {
    this.messages.clear()
    this.events.clear()
    this.frames = 0
    this.bytes = 0
    this.dropped = 0
  }
}
