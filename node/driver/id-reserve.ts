import { type Clock as HlcClock, hlcFrom, hlcMs } from '../../base/hlc.ts'
import type { Version } from '../../base/ids.ts'

/** How far ids are reserved past the one that needs it. */
export const idsReserveMs = 2_000

/**
 * Makes sure that no boot makes an operation id again that an earlier one made: a second write under an id that is
 * known would be answered as carried out (rule 5). Ids are HLC values with the tag of the process, and a wall clock may
 * have run back while the process was down. So a bound is made durable before the first id near it is used, and
 * the next boot starts above it.
 */
export class IdReserve {
  #belowMs: number
  #durableMs: number
  #batch = 0

  /**
   * @param belowMs - bound of the boots before.
   * @param aheadMaxMs - an id further ahead of `wallMs` was never accepted by anybody else; a clock that was once far
   * ahead must not silence the process for as long.
   */
  constructor(hlc: HlcClock, belowMs: number, wallMs: number, aheadMaxMs: number) {
    this.#belowMs = this.#durableMs = belowMs
    const floorMs = Math.min(belowMs, Math.floor(wallMs) + aheadMaxMs)
    const floor = hlcFrom(Math.max(0, floorMs), 0xffff, hlc.tag)
    if (floor > hlc.last) hlc.last = floor
  }

  /**
   * @param batch - number of the batch that is being filled.
   * @param save - puts a new bound into it.
   * @returns the batch that must be durable before this id may be used, 0 for none.
   */
  cover(id: Version, batch: number, save: (belowMs: number) => void): number {
    const ms = hlcMs(id)
    // Renewed at half, so that a process that writes all the time never waits.
    if (ms > this.#belowMs - idsReserveMs / 2) {
      this.#belowMs = ms + idsReserveMs
      this.#batch = batch
      save(this.#belowMs)
    }
    return ms > this.#durableMs ? this.#batch : 0
  }

  synced(batch: number): void {
    if (batch >= this.#batch) this.#durableMs = this.#belowMs
  }
}
