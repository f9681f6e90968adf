import { performance } from 'node:perf_hooks'
import type { Stream } from '@libp2p/interface'
import type { PeerId } from '../../../base/ids.ts'
import type { ByteQueue, Chunk } from './byte-queue.ts'
import { heartbeat, nextArrival, OutgoingFrames } from './framing.ts'
import type { NetworkLimits } from './limits.ts'
import { spareWindowUpdates } from './window-updates.ts'

export type LinkLoss = 'closed' | 'malformed' | 'silent' | 'replaced' | 'stopped' | 'expelled' | 'ungranted'

export type LinkEvents = {
  frameArrived(link: Link, frame: Uint8Array): void
  /** Called once, never from within a call of ours on the link except `close`. */
  lost(link: Link, loss: LinkLoss): void
  /** Something waits to be written: call `flush` at the end of the tick. */
  wantsFlush(link: Link): void
}

export type LinkCounts = {
  framesSent: number
  bytesSent: number
  writes: number
  drains: number
  framesReceived: number
  bytesReceived: number
}

export const newLinkCounts = (): LinkCounts => ({
  framesSent: 0,
  bytesSent: 0,
  writes: 0,
  drains: 0,
  framesReceived: 0,
  bytesReceived: 0,
})

/** The one stream to one peer after its handshake: frames both ways, bounded, with a pulse. */
export class Link {
  readonly peer: PeerId
  readonly stream: Stream
  readonly openedAtMs: number
  private readonly arrived: ByteQueue
  private readonly limits: NetworkLimits
  private readonly events: LinkEvents
  private readonly counts: LinkCounts
  private readonly outgoing = new OutgoingFrames()
  private full = false
  private flushWanted = false
  /** Set while `finish`, which has closed this end in good order, waits for the other one. */
  private gone: (() => void) | null = null
  private lost = false
  /** Set while `finish` waits for the queue to run dry. */
  private emptied: (() => void) | null = null
  private heardAtMs: number
  private wroteAtMs: number

  /** @param arrived - bytes that came with the handshake and belong to frames. */
  constructor(
    peer: PeerId,
    stream: Stream,
    arrived: ByteQueue,
    limits: NetworkLimits,
    events: LinkEvents,
    counts: LinkCounts,
  ) {
    this.peer = peer
    this.stream = stream
    this.arrived = arrived
    this.limits = limits
    this.events = events
    this.counts = counts
    this.openedAtMs = this.heardAtMs = this.wroteAtMs = performance.now()
  }

  /** Takes frames from now on; those that came with the handshake are reported before it returns. */
  start(): void {
    spareWindowUpdates(this.stream)
    this.stream.addEventListener('close', () => {
      if (this.gone === null) this.close('closed')
      else this.gone()
    })
    // All that the peer sent before its end has been read: it waits for this.
    this.stream.addEventListener('remoteCloseWrite', () => this.close('closed'))
    this.stream.addEventListener('drain', () => this.drained())
    this.readFrames()
    if (this.lost) return
    this.stream.addEventListener('message', event => this.read(event.data))
    if (this.stream.status !== 'open') this.close('closed')
  }

  /** Bytes that have not left for the connection yet. */
  get queuedBytes(): number {
    return this.outgoing.length + this.stream.writeBufferLength
  }

  /** @returns false when the frame was dropped: lost, or too much waits already. */
  send(frame: Uint8Array): boolean {
    if (this.lost || this.queuedBytes + frame.length > this.limits.queuedBytesMax) return false
    this.outgoing.push(frame)
    this.counts.framesSent += 1
    if (!this.flushWanted) {
      this.flushWanted = true
      this.events.wantsFlush(this)
    }
    return true
  }

  /** Writes what waits, until the stream is full. */
  flush(): void {
    this.flushWanted = false
    while (!this.lost && !this.full && this.outgoing.length > 0) {
      this.write(this.outgoing.nextWrite(this.limits.writeBytesMax))
    }
    if (this.outgoing.length === 0) this.emptied?.()
  }

  /**
   * Called a few times a second: keeps the pulse and notices a peer without one.
   *
   * @param paused - this process stood still: what the peer said meanwhile is not read yet.
   */
  tick(nowMs: number, paused: boolean): void {
    if (paused) this.heardAtMs = nowMs
    if (nowMs - this.heardAtMs > this.limits.silenceMs) this.close('silent')
    const idle = !this.full && this.outgoing.length === 0
    if (!this.lost && idle && nowMs - this.wroteAtMs >= this.limits.heartbeatMs) this.write(heartbeat)
  }

  /** Ends the link at once; `lost` is reported unless it was before. Queued frames are dropped. */
  close(loss: LinkLoss): void {
    if (this.lost) return
    this.lost = true
    if (this.stream.status === 'open') this.stream.abort(new Error(`link ${loss}`))
    this.emptied?.()
    this.events.lost(this, loss)
  }

  /** Ends the link after what was queued has left, or after `graceMs`. */
  async finish(graceMs: number): Promise<void> {
    const late = AbortSignal.timeout(graceMs)
    this.flush()
    if (!this.lost && this.outgoing.length > 0) {
      await orLate(late, resolve => {
        this.emptied = resolve
      })
    }
    if (!this.lost && this.outgoing.length === 0) {
      try {
        // A connection that ends with bytes unread takes along what the peer has not read either.
        const gone = orLate(late, resolve => {
          this.gone = resolve
        })
        await this.stream.close({ signal: late })
        await gone
      } catch (cause) {
        this.stream.abort(cause instanceof Error ? cause : new Error('not closed in time'))
      }
    }
    this.close('stopped')
  }

  private drained(): void {
    this.counts.drains += 1
    this.full = false
    this.flush()
  }

  private write(bytes: Uint8Array): void {
    this.wroteAtMs = performance.now()
    this.counts.writes += 1
    this.counts.bytesSent += bytes.length
    try {
      this.full = !this.stream.send(bytes)
    } catch {
      // It closed between our look at it and now; its own event says no more than this.
      this.close('closed')
    }
  }

  private read(chunk: Chunk): void {
    if (this.lost) return
    this.heardAtMs = performance.now()
    this.arrived.push(chunk)
    this.readFrames()
  }

  private readFrames(): void {
    while (!this.lost) {
      const arrival = nextArrival(this.arrived, this.limits.frameBytesMax)
      if (arrival.kind === 'partial') return
      if (arrival.kind === 'oversize') {
        this.close('malformed')
        return
      }
      if (arrival.kind === 'heartbeat') continue
      this.counts.framesReceived += 1
      this.counts.bytesReceived += arrival.frame.length
      this.events.frameArrived(this, arrival.frame)
    }
  }
}

/** Waits until what it hands over is called, or the time is over. */
function orLate(late: AbortSignal, until: (resolve: () => void) => void): Promise<void> {
  return new Promise(resolve => {
    until(resolve)
    late.addEventListener('abort', () => resolve())
  })
}
