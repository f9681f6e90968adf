import type { Random } from '../../../base/random.ts'

/** How often each of the hot addresses is meant, hottest first. */
const hotShares = [0.4, 0.25, 0.15, 0.12, 0.08]
/** A hot address makes room for a new one after so many calls: the checker's work grows with its history. */
const callsPerHotMax = 1_200
/** Cold addresses that are remembered to be asked for again. */
const coldMax = 100_000

const named = (path: string): string => `ucxl://any:any@chaos:any/*^/${path}`

/** The addresses of a run: a handful that everybody wants, and a stream of others that few ever see again. */
export class Addresses {
  private readonly hot = hotShares.map((_, slot) => ({ slot, generation: 1, calls: 0 }))
  private readonly cold: string[] = []
  private coldMade = 0

  pickHot(random: Random): string {
    let left = random.next()
    let slot = 0
    while (slot < hotShares.length - 1 && left >= hotShares[slot]!) left -= hotShares[slot++]!
    const hot = this.hot[slot]!
    hot.calls += 1
    if (hot.calls > callsPerHotMax) {
      hot.calls = 1
      hot.generation += 1
    }
    return named(`hot/${hot.slot + 1}-${hot.generation}`)
  }

  newCold(): string {
    this.coldMade += 1
    const address = named(`cold/${this.coldMade}`)
    if (this.cold.length < coldMax) this.cold.push(address)
    return address
  }

  /** One that somebody tried to make before; null while there is none. */
  pickCold(random: Random): string | null {
    return this.cold.length === 0 ? null : random.pick(this.cold)
  }
}
