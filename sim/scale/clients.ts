import type { ContextKey, Digest } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import type { World } from '../world.ts'
import type { ScalePeer } from './peer.ts'

export type Workload = {
  /** Clients of each peer; each has one operation under way at any time. */
  readonly clientsPerPeer: number
  /** Part of the operations that write, 0 to 1; the others read. */
  readonly writeShare: number
  /** Every key lies in the first partition: a bottleneck on purpose. */
  readonly isSkewed: boolean
}

export type Served = { operations: number; failed: number; waitedMs: number[] }

/** How long operations took, in milliseconds. */
export type Waits = { readonly p50Ms: number; readonly p99Ms: number; readonly mostMs: number }

export function waitsOf(waitedMs: readonly number[]): Waits {
  const waits = waitedMs.toSorted((a, b) => a - b)
  const at = (part: number) => waits[Math.floor(waits.length * part)] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99), mostMs: waits.at(-1) ?? 0 }
}

/**
 * Closed-loop clients of one fleet. A write makes a context that was never there, under a key that is uniformly
 * random; a read asks for one that was acknowledged, any of them as likely.
 */
export class Clients {
  readonly served: Served = { operations: 0, failed: 0, waitedMs: [] }
  private readonly world: World
  private readonly workload: Workload
  private readonly wayMs: number
  private readonly data: Uint8Array
  private readonly random: Random
  /** Every key that was acknowledged. */
  readonly written: ContextKey[] = []
  private atWork: number

  /** @param wayMs - from a client to its peer, one way. @param envelopeBytes - of each context. */
  constructor(world: World, workload: Workload, wayMs: number, envelopeBytes: number) {
    this.world = world
    this.workload = workload
    this.atWork = workload.clientsPerPeer
    this.wayMs = wayMs
    this.random = world.random('clients')
    this.data = new Uint8Array(envelopeBytes)
    for (let at = 0; at < envelopeBytes; at++) this.data[at] = this.random.below(256)
  }

  /** The clients of `peer` begin, spread over a little time. */
  start(peer: ScalePeer): void {
    for (let i = 0; i < this.workload.clientsPerPeer; i++)
      this.world.after(this.random.next() * 20, () => this.next(peer, i))
  }

  /** So many clients of each peer go on; the others end what they have under way. */
  keep(clientsPerPeer: number): void {
    this.atWork = clientsPerPeer
  }

  forget(): void {
    this.served.operations = 0
    this.served.failed = 0
    this.served.waitedMs = []
  }

  /** @param number - of the client, of those of its peer. */
  private next(peer: ScalePeer, number: number): void {
    if (number >= this.atWork) return
    const askedMs = this.world.nowMs
    const isWrite = this.written.length === 0 || this.random.chance(this.workload.writeShare)
    this.world.after(this.wayMs, () => {
      const operation = isWrite ? this.write(peer) : this.read()
      peer.submit(operation, (outcome, answeredMs) =>
        this.world.after(answeredMs + this.wayMs - this.world.nowMs, () => {
          this.note(operation, outcome, askedMs)
          this.next(peer, number)
        }),
      )
    })
  }

  private note(operation: Operation, outcome: Outcome, askedMs: number): void {
    if (outcome.kind === 'written') this.written.push(operation.key)
    if (outcome.kind !== 'written' && outcome.kind !== 'found') this.served.failed += 1
    this.served.operations += 1
    this.served.waitedMs.push(this.world.nowMs - askedMs)
  }

  private write(peer: ScalePeer): Operation {
    const hash = this.digits(64) as Digest
    const value = { kind: 'live', hash, expiresAtMs: 0, data: this.data } as const
    return {
      kind: 'write',
      id: peer.nextId(),
      attempt: 1,
      epoch: null,
      key: this.key(),
      expect: 'any',
      parent: null,
      value,
    }
  }

  private read(): Operation {
    return { kind: 'read', key: this.random.pick(this.written) }
  }

  private key(): ContextKey {
    return (this.workload.isSkewed ? `000${this.digits(61)}` : this.digits(64)) as ContextKey
  }

  private digits(count: number): string {
    let text = ''
    while (text.length < count) text += this.random.below(0x1_0000).toString(16).padStart(4, '0')
    return text.slice(0, count)
  }
}
