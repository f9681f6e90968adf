import { SlurpError } from '../base/errors.ts'
import type { ContextKey, PartitionId } from '../base/ids.ts'
import { partitionCountMax } from '../dht/keyspace.ts'
import type { Runner } from './control/duty-desk.ts'
import { type Clock, DiskFailure } from './ports/ports.ts'
import type { Log } from './running-peer.ts'
import type { WalkPlace } from './store/retention/keeper.ts'
import type { RetentionDesk, Stretch } from './store/retention/retention-desk.ts'

export type RetentionDutyParts = {
  readonly desk: RetentionDesk
  readonly clock: Clock
  readonly log: Log
}

const hourMs = 3_600_000
/** After so long a run records how far it came and goes on in another one: little is done twice after a crash. */
const stretchMs = 30_000

/** Trims histories by the rules of the fleet; each peer in its turn sees to what it has and can open. */
export class RetentionDuty implements Runner {
  readonly spec = {
    name: 'history-retention',
    where: 'staggered',
    intervalMs: 6 * hourMs,
    timeoutMs: hourMs,
  } as const
  readonly #parts: RetentionDutyParts
  readonly #counters = { historiesTrimmed: 0, historyVersionsTrimmed: 0, historiesUntold: 0 }

  constructor(parts: RetentionDutyParts) {
    this.#parts = parts
  }

  /** Since the start of the process. What could not be told is counted anew by every walk. */
  counters(): Record<string, number> {
    return { ...this.#counters }
  }

  run: Runner['run'] = ({ state }, ended) => {
    const { clock, desk, log } = this.#parts
    const untilMs = clock.monotonicMs() + stretchMs
    let isStopped = false
    // Its contexts are seen to by those who can open them.
    if (desk.isBlind) ended('done')
    else {
      desk
        .apply(decodePlace(state), () => !isStopped && clock.monotonicMs() < untilMs)
        .then(
          stretch => {
            this.#note(stretch)
            if (stretch.next === null) ended('done')
            else ended('more', encodePlace(stretch.next))
          },
          (thrown: unknown) => {
            if (!(thrown instanceof SlurpError) && !(thrown instanceof DiskFailure)) throw thrown
            log.warn({ failure: thrown.message }, 'histories could not be trimmed now')
            ended('failed')
          },
        )
    }
    return {
      stop: () => {
        isStopped = true
      },
    }
  }

  #note({ tally }: Stretch): void {
    this.#counters.historiesTrimmed += tally.trimmed
    this.#counters.historyVersionsTrimmed += tally.versions
    this.#counters.historiesUntold += tally.untold
    const { looked, ...told } = tally
    if (Object.values(told).some(count => count > 0)) this.#parts.log.info(tally, 'histories were trimmed')
    else this.#parts.log.debug({ looked }, 'no history is too long')
  }
}

/** Format (1), partition (2), the key that was looked at last (32) or nothing. */
function encodePlace({ partition, after }: WalkPlace): Uint8Array {
  return Buffer.concat([Uint8Array.of(1, partition >> 8, partition & 0xff), Buffer.from(after ?? '', 'hex')])
}

/** Null, the start, for a state that is none of this release. */
function decodePlace(state: Uint8Array): WalkPlace | null {
  if ((state.length !== 3 && state.length !== 35) || state[0] !== 1) return null
  const partition = state[1]! * 256 + state[2]!
  if (partition >= partitionCountMax) return null
  const key = Buffer.from(state.subarray(3)).toString('hex')
  return { partition: partition as PartitionId, after: key === '' ? null : (key as ContextKey) }
}
