import type { PeerId } from '../../base/ids.ts'

/**
 * Single questions between members, each with one answer, beside the frames of the network. Who asks is who its
 * connection proves it to be, and a member.
 */
export interface Exchange {
  /** Called once; questions that came before are kept for it. It never rejects: the answer says what is wrong. */
  serve(answer: (from: PeerId, question: Uint8Array) => Promise<Uint8Array>): void
  /**
   * @returns null when there is no connection, no answer within `timeoutMs`, or one that is too large.
   */
  ask(to: PeerId, question: Uint8Array, timeoutMs: number): Promise<Uint8Array | null>
  isConnected(peer: PeerId): boolean
  /** Told of every new connection to a member. Called once. */
  listen(connected: (peer: PeerId) => void): void
}
