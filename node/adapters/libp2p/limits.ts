/** Everything that this adapter bounds, by name. One value a process; tests lower some of them. */
export type NetworkLimits = {
  /** Largest frame, in bytes. */
  readonly frameBytesMax: number
  /** Bytes that may wait for one peer; above it `send` returns false. */
  readonly queuedBytesMax: number
  /** Bytes handed to a stream in one write. */
  readonly writeBytesMax: number
  /** Largest hello or refusal, in bytes. */
  readonly helloBytesMax: number
  /** From the opening of a stream to the end of its handshake. */
  readonly helloMs: number
  /** First wait after a failed attempt to reach a peer; doubles up to `redialMsMax`. */
  readonly redialMsMin: number
  readonly redialMsMax: number
  /** A link that stood this long starts again at `redialMsMin` when it is lost. */
  readonly steadyMs: number
  /** How long the side with the greater peer id leaves dialling to the other. */
  readonly politeMs: number
  readonly dialMs: number
  /** Something is written to every link at least this often. */
  readonly heartbeatMs: number
  /** A link on which nothing arrived for this long is lost. */
  readonly silenceMs: number
  /** A link to a member that is one no more stays so long: it may have to hear that it left. */
  readonly farewellMs: number
  /** Addresses kept for one peer. */
  readonly addressesMax: number
}

export const defaultLimits: NetworkLimits = {
  frameBytesMax: 16 * 2 ** 20,
  queuedBytesMax: 32 * 2 ** 20,
  writeBytesMax: 256 * 2 ** 10,
  helloBytesMax: 60 * 1024,
  helloMs: 5_000,
  redialMsMin: 100,
  redialMsMax: 2_000,
  steadyMs: 5_000,
  politeMs: 250,
  dialMs: 8_000,
  heartbeatMs: 1_000,
  silenceMs: 8_000,
  farewellMs: 2_000,
  addressesMax: 8,
}
