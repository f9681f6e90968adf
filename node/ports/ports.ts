import type { ContextKey, Digest, PeerId, Version } from '../../base/ids.ts'

/** Time of one process. The contract suite is test/contracts/clock.ts. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. */
  wallMs(): number
  /** Milliseconds from an unknown start; never runs backwards. */
  monotonicMs(): number
  /** Calls `wake` once, at or after `atMs` on the monotonic clock. The returned function cancels. */
  at(atMs: number, wake: () => void): () => void
  /** Calls `run` once, after the inputs that are already due: the end of a tick. */
  soon(run: () => void): void
}

export type NetworkListener = {
  /** One frame, whole and in the order sent; from an admitted member of the same fleet only. */
  frameArrived(from: PeerId, frame: Uint8Array): void
  peerConnected(peer: PeerId): void
  peerLost(peer: PeerId): void
}

/**
 * Frames between members. Frames of a pair keep their order while the connection lasts; a frame may be lost
 * with its connection and is never changed. The contract suite is test/contracts/network.ts.
 */
export interface Network {
  listen(listener: NetworkListener): void
  /**
   * Queues one frame of at most `frameBytesMax` bytes.
   * @returns false when it was dropped: not connected, or more than `queuedBytesMax` wait for this peer.
   */
  send(to: PeerId, frame: Uint8Array): boolean
}

export type DiskEntry = { readonly key: Uint8Array; readonly value: Uint8Array }
export type DiskChange =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Uint8Array }

export class DiskFailure extends Error {
  override name = 'DiskFailure'
}

/**
 * Durable ordered bytes of one peer; keys compare as unsigned bytes and start with a byte above 0, which the
 * disk keeps for itself. The contract suite is test/contracts/disk.ts.
 */
export interface Disk {
  /**
   * Applies all of `batch` or none, in order of submission, at most one batch at a time in flight.
   * `done(null)`: it survives a power cut. `done(failure)`: nothing may be relied on, and every later write
   * fails too until the disk is opened again.
   * Called exactly once, never before `write` returns. The caller leaves the bytes unchanged until then.
   */
  write(batch: readonly DiskChange[], done: (failure: DiskFailure | null) => void): void
  /** @returns null when absent. @throws DiskFailure when it cannot be read. A few microseconds. */
  read(key: Uint8Array): Uint8Array | null
  /** Entries with from <= key < to in order, at most `limit`; never called back before `scan` returns. */
  scan(
    from: Uint8Array,
    to: Uint8Array,
    limit: number,
    done: (failure: DiskFailure | null, entries: readonly DiskEntry[]) => void,
  ): void
}

/** Signs and opens what control registers hold: bytes for every member's eyes, under the name of their author. */
export interface ControlSealer {
  seal(
    facts: { readonly key: ContextKey; readonly version: Version; readonly parent: Version | null },
    body: Uint8Array,
  ): { readonly data: Uint8Array; readonly hash: Digest }
  /** The body of an envelope that went through the checker before. */
  open(data: Uint8Array): Uint8Array
}

/** Decides whether bytes that claim to be an envelope may be stored. The contract suite is test/contracts/envelope-checker.ts. */
export interface EnvelopeChecker {
  /**
   * Checks hash, author's signature, and that the envelope is about this key, version, parent, kind and expiry.
   * Cached per process: the same envelope is verified once. Never throws.
   *
   * @param isFresh - somebody writes it now, so that its author must be allowed to write now, and not only at the time
   * of its version.
   */
  accepts(claim: EnvelopeClaim, isFresh?: boolean): boolean
}

export type EnvelopeClaim = {
  readonly key: string
  readonly version: string
  readonly parent: string | null
  readonly kind: 'live' | 'tombstone'
  readonly hash: string
  readonly expiresAtMs: number
  readonly data: Uint8Array
}
