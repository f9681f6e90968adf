import type { Random } from '../../../base/random.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'
import { fair } from '../network/line.ts'
import type { FaultKind, Struck } from './fault.ts'

type Way = readonly [from: string, to: string]

/** Two different peers. */
function pairOf(fleet: ChaosFleet, random: Random): Way {
  const from = random.pick(fleet.names)
  return [from, random.pick(fleet.names.filter(name => name !== from))]
}

const otherWay = ([from, to]: Way): Way => [to, from]

function cutOff(fleet: ChaosFleet, ways: readonly Way[], what: string): Struck {
  for (const [from, to] of ways) fleet.cut(from, to, true)
  return {
    what,
    heal: async () => {
      for (const [from, to] of ways) fleet.cut(from, to, false)
    },
  }
}

/** Two peers do not hear each other; sometimes their connections break at once, mostly they just fall silent. */
export const cut: FaultKind = {
  name: 'cut',
  lane: 'network',
  weight: 3,
  lastsMs: [500, 15_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const way = pairOf(fleet, random)
    const isReset = random.chance(0.3)
    if (isReset) fleet.relay.reset(...way)
    return cutOff(fleet, [way, otherWay(way)], `cut ${way.join(' | ')}${isReset ? ', reset' : ''}`)
  },
}

/** One peer does not hear another one, which hears it. */
export const oneWayCut: FaultKind = {
  name: 'oneWayCut',
  lane: 'network',
  weight: 3,
  lastsMs: [500, 15_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const way = pairOf(fleet, random)
    return cutOff(fleet, [way], `cut ${way.join(' > ')}`)
  },
}

/** One peer is cut off from all others, both ways or one. */
export const isolation: FaultKind = {
  name: 'isolation',
  lane: 'network',
  weight: 2,
  lastsMs: [500, 15_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const alone = random.pick(fleet.names)
    const there = fleet.names.filter(name => name !== alone).map((name): Way => [alone, name])
    const direction = random.pick(['both', 'deaf', 'mute'] as const)
    const ways = {
      both: [...there, ...there.map(otherWay)],
      deaf: there.map(otherWay),
      mute: there,
    }[direction]
    return cutOff(fleet, ways, `isolate ${alone}, ${direction}`)
  },
}

/** The fleet falls in two parts. */
export const split: FaultKind = {
  name: 'split',
  lane: 'network',
  weight: 1,
  lastsMs: [500, 12_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const { names } = fleet
    const count = 1 + random.below(Math.floor(names.length / 2))
    const start = random.below(names.length)
    const side = Array.from({ length: count }, (_, at) => names[(start + at) % names.length]!)
    const rest = names.filter(name => !side.includes(name))
    const ways = side.flatMap(one =>
      rest.flatMap((other): Way[] => [
        [one, other],
        [other, one],
      ]),
    )
    return cutOff(fleet, ways, `split ${side.join(' ')} | ${rest.join(' ')}`)
  },
}

/** One peer's network is far away, narrow, or both. */
export const slowLinks: FaultKind = {
  name: 'slowLinks',
  lane: 'network',
  weight: 3,
  lastsMs: [2_000, 15_000],
  healsMs: 0,
  strike: async (fleet, random) => {
    const slow = random.pick(fleet.names)
    const others = fleet.names.filter(name => name !== slow)
    const some = random.chance(0.5) ? others : [random.pick(others)]
    const delayMs = random.chance(0.8) ? 5 + random.below(300) : 0
    const bytesPerSecond =
      delayMs === 0 || random.chance(0.5) ? 20_000 + random.below(300_000) : fair.bytesPerSecond
    const ways = some.flatMap((other): Way[] => [
      [slow, other],
      [other, slow],
    ])
    for (const way of ways) fleet.slow(...way, { delayMs, bytesPerSecond })
    const speed = bytesPerSecond === fair.bytesPerSecond ? '' : `, ${Math.round(bytesPerSecond / 1_000)} kB/s`
    return {
      what: `slow ${slow} - ${some.join(' ')}: ${delayMs} ms${speed}`,
      heal: async () => {
        const { delayMs, bytesPerSecond } = fair
        for (const way of ways) fleet.slow(...way, { delayMs, bytesPerSecond })
      },
    }
  },
}
