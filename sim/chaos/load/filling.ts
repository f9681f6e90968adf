import { Agent } from 'node:http'
import type { Random } from '../../../base/random.ts'
import { ChaosFailure } from '../failure.ts'
import type { Door } from '../fleet/fleet.ts'
import { isServed } from '../history/call.ts'
import type { Recorder } from '../history/recorder.ts'
import type { Addresses } from './addresses.ts'
import { ask } from './ask.ts'

/** Who stores them, in the record of calls. */
export const fillerName = 'filler'

const atOnce = 32
const patienceMs = 30_000
const tellEvery = 2_000
/** Text that hardly gets smaller and has no word in it: indexes would be all that grew. */
const noiseChars = 6_000
const noise = '!#$%&()*+,-./:;<=>?@[]^_{|}~'

/**
 * Stores contexts before the load: disks that have something to compact, and indexes something to be made of, behave in
 * other ways than empty ones.
 *
 * @throws ChaosFailure when one is refused: nothing is wrong with the fleet yet.
 */
export async function fill(
  count: number,
  {
    doors,
    random,
    addresses,
    recorder,
    told,
  }: {
    readonly doors: readonly Door[]
    readonly random: Random
    readonly addresses: Addresses
    readonly recorder: Recorder
    readonly told: (what: string) => void
  },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  let next = 0
  const hand = async () => {
    while (next < count) {
      const number = ++next
      if (number % tellEvery === 0) told(`${number} of ${count} contexts stored`)
      const door = doors[number % doors.length]!
      const wanted = { kind: 'put', mark: `${fillerName}-${number}`, ifVersion: 'none' } as const
      const about = { worker: fillerName, door: door.name, address: addresses.newCold(), ask: wanted }
      const text = Array.from({ length: noiseChars }, () => noise[random.below(noise.length)]).join('')
      const call = await recorder.record(about, () =>
        ask(door, agent, about.address, wanted, patienceMs, text),
      )
      if (!isServed(call))
        throw new ChaosFailure(
          `a context could not be stored before the load: ${JSON.stringify(call.outcome)}`,
        )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, hand))
  agent.destroy()
}
