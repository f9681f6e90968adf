/** Every bound of the protocol in one place, with its unit. Tests and the simulator may shorten times, never rules. */
export type Limits = {
  /** A ballot further ahead of the local wall clock is refused (PROTOCOL, State). */
  readonly ballotDriftMaxMs: number
  /** How far a ceiling is raised past now; at most half of `ballotDriftMaxMs` (rule 3). */
  readonly ceilingReserveMs: number
  /** Promises kept in memory for one partition; past it they are forgotten, which counts as a restart (rule 3). */
  readonly promisesMax: number
  /** Cached next ballots of a coordinator (rule 6). */
  readonly cachedBallotsMax: number
  /** Operations that a coordinator carries at once, queued ones included. */
  readonly operationsMax: number
  /** Operations on one key that wait behind each other. */
  readonly queuePerKeyMax: number
  /** A replica that has not answered by then is asked again. */
  readonly resendMs: number
  /** A read that misses an answer by then asks one more replica (rule 7). */
  readonly hedgeMs: number
  /** A coordinator that has not replied by then is given up for the next owner (rule 6). */
  readonly attemptMaxMs: number
  /** A replica that has not acknowledged a chosen write by then gets a hint (rule 8). */
  readonly hintAfterMs: number
  /** Between two tries to deliver the hints of a peer that stays connected. */
  readonly hintRetryMs: number
  /** An owner that missed an attempt is asked last for so long. */
  readonly suspectMs: number
  /** Pause before a round that lost to another ballot is tried again; doubled up to 16 times, with jitter. */
  readonly retryRoundMs: number
  /** A key is kept for so long for a writer that seals again, as another version stands than it thought. */
  readonly turnMs: number
  /** Keys of a damaged partition that are written back at once. */
  readonly healsAtOnceMax: number
  /** How often a peer tells the others that it is here, and which view it has. */
  readonly beatMs: number
  /** Who says nothing for so long is asked last, and a write that waits for it goes to the next owner. */
  readonly silentMs: number
  /** Who has just connected is asked last until it was heard without such a silence for so long: it may be starting. */
  readonly steadyMs: number
  /** How long a copy that was given away is kept (rule 10). */
  readonly dropAfterMs: number
  /** How long a tombstone, or an expired value, is kept before it is collected (rule 9). */
  readonly collectAfterMs: number
  /** A difference between two owners that is younger than this may be a write on its way. */
  readonly settleMs: number
  /** Bytes a second that one peer sends and fetches to repair what anti-entropy found. */
  readonly repairBytesPerSecond: number
  /** Keys in one page of a list of a partition, whoever asks for more. */
  readonly pageKeysMax: number
  /** Versions in one answer of a history. */
  readonly chainMax: number
  /** Bytes of versions in one answer of a history or a scan; the first version always fits. */
  readonly chainBytesMax: number
}

export const defaultLimits: Limits = {
  ballotDriftMaxMs: 10_000,
  ceilingReserveMs: 5_000,
  promisesMax: 4_096,
  cachedBallotsMax: 65_536,
  operationsMax: 8_192,
  queuePerKeyMax: 512,
  resendMs: 400,
  hedgeMs: 60,
  attemptMaxMs: 2_000,
  hintAfterMs: 800,
  hintRetryMs: 5_000,
  suspectMs: 2_000,
  retryRoundMs: 5,
  turnMs: 100,
  healsAtOnceMax: 32,
  beatMs: 250,
  silentMs: 400,
  steadyMs: 1_000,
  dropAfterMs: 60_000,
  collectAfterMs: 86_400_000,
  settleMs: 3_000,
  repairBytesPerSecond: 4 * 1024 * 1024,
  pageKeysMax: 128,
  chainMax: 100,
  chainBytesMax: 2 * 1024 * 1024,
}
