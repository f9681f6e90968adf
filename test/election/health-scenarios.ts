import type { PeerId } from '../../base/ids.ts'
import { healthDefaults } from '../../election/health-state.ts'
import { type Change, HealthFleet, type HealthProtocol } from './health-fleet.ts'

/** What is wrong with one story of a fleet, if anything. Which fleet, which peers and when is drawn from the seed. */
export type Scenario = (protocol: HealthProtocol, seed: number) => readonly string[]

const quietMs = 5_000
const words = ({ atMs, observer, peer, from, to }: Change): string =>
  `at ${Math.round(atMs)} ms ${observer} takes ${peer} from ${from} to ${to}`

/** A fleet of 3 to 7 that has heard each other for a while, and two of its peers. */
function settled(protocol: HealthProtocol, seed: number) {
  const fleet = new HealthFleet(protocol, seed, 3 + (seed % 5))
  fleet.run(quietMs + fleet.random.next() * 1_000)
  const peer = fleet.random.pick(fleet.ids)
  const observer = fleet.random.pick(fleet.ids.filter(id => id !== peer))
  const others = fleet.ids.filter(id => id !== peer)
  return { fleet, peer, observer, others, startMs: fleet.nowMs, violations: fleet.changes.map(words) }
}

/** So many of the rest that they and nobody else are no majority of those who report. */
const minority = (fleet: HealthFleet, peer: PeerId, observer: PeerId): PeerId[] =>
  fleet.ids.filter(id => id !== peer && id !== observer).slice(0, Math.ceil(fleet.ids.length / 2) - 2)

/** Who is well is up, everywhere and all the time. */
const calm: Scenario = (protocol, seed) => {
  const { fleet } = settled(protocol, seed)
  fleet.run(60_000)
  return fleet.changes.map(words)
}

/** A dead peer is suspected by all within a second of its last heartbeat, and down soon after; for how long is known. */
const death: Scenario = (protocol, seed) => {
  const { fleet, peer, others, startMs, violations } = settled(protocol, seed)
  fleet.kill(peer)
  fleet.run(startMs + 1_100)
  for (const other of others)
    if (fleet.state(other, peer) === 'up') violations.push(`${other} still takes ${peer} for up after 1.1 s`)
  fleet.run(startMs + 2_500)
  for (const other of others)
    if (fleet.state(other, peer) !== 'down')
      violations.push(`${other} does not take ${peer} for down after 2.5 s`)
  fleet.run(startMs + 120_000)
  for (const other of others) {
    const deadMs = fleet.deadForMs(other, peer) ?? 0
    if (Math.abs(deadMs - 119_000) > 4_000) violations.push(`${other}: dead for ${deadMs} ms of 119,000`)
  }
  const steps = fleet.changes.filter(
    each => each.peer !== peer || each.to === 'up' || each.to === 'unreachable',
  )
  return [...violations, ...steps.map(words)]
}

/** A short return is no return: dead since the first death, until it was steadily up. */
const shortReturn: Scenario = (protocol, seed) => {
  const { fleet, peer, others, startMs, violations } = settled(protocol, seed)
  fleet.kill(peer)
  fleet.run(startMs + 100_000)
  fleet.start(peer)
  fleet.run(startMs + 120_000)
  for (const other of others)
    if (fleet.state(other, peer) !== 'up') violations.push(`${other} does not see ${peer} return`)
  fleet.kill(peer)
  fleet.run(startMs + 150_000)
  for (const other of others) {
    const deadMs = fleet.deadForMs(other, peer) ?? 0
    if (deadMs < 140_000) violations.push(`${other} forgot a death: dead for ${deadMs} ms of 149,000`)
  }
  fleet.start(peer)
  fleet.run(startMs + 230_000)
  fleet.kill(peer)
  fleet.run(startMs + 240_000)
  for (const other of others) {
    const deadMs = fleet.deadForMs(other, peer) ?? 0
    if (deadMs > 15_000) violations.push(`${other} holds an old death against ${peer}: ${deadMs} ms`)
  }
  return violations
}

/** One way cut, to one observer: unreachable from there, never down, and nobody else notices. */
const oneWayCut: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.cut(peer, observer)
  fleet.run(startMs + 30_000)
  const isAlone = fleet.ids.length === 3
  // Of two that report, one is no majority either way.
  const expected = isAlone ? 'suspect' : 'unreachable'
  if (fleet.state(observer, peer) !== expected)
    violations.push(`${observer} takes ${peer} for ${fleet.state(observer, peer)}, not ${expected}`)
  fleet.mend(peer, observer)
  fleet.run(startMs + 40_000)
  if (fleet.state(observer, peer) !== 'up') violations.push('it stays away')
  const wrong = fleet.changes.filter(
    each => each.observer !== observer || each.peer !== peer || each.to === 'down',
  )
  return [...violations, ...wrong.map(words)]
}

/** A process that is cut off calls nobody down; the others call it down. */
const cutOff: Scenario = (protocol, seed) => {
  const { fleet, peer, others, startMs, violations } = settled(protocol, seed)
  for (const other of others) {
    fleet.cut(peer, other)
    fleet.cut(other, peer)
  }
  fleet.run(startMs + 30_000)
  for (const other of others) {
    if (fleet.state(other, peer) !== 'down') violations.push(`${other} does not miss ${peer}`)
    if (!['suspect', 'unreachable'].includes(fleet.state(peer, other)))
      violations.push(`the one that is cut off takes ${other} for ${fleet.state(peer, other)}`)
  }
  return violations
}

/** Who was stopped itself suspects nobody when it goes on. */
const ownPause: Scenario = (protocol, seed) => {
  const { fleet, peer, startMs, violations } = settled(protocol, seed)
  const forMs = fleet.random.pick([450, 800, 3_000, 30_000])
  fleet.pause(peer, forMs)
  fleet.run(startMs + forMs + 20_000)
  return [...violations, ...fleet.changesOf(peer, startMs).map(words)]
}

/** Who was stopped holds the time that it slept through against nobody. */
const pausedWitness: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.kill(peer)
  fleet.run(startMs + 10_000)
  fleet.pause(observer, 100_000)
  fleet.run(startMs + 120_000)
  const deadMs = fleet.deadForMs(observer, peer) ?? 0
  // The others are witnesses of the whole time; where most of them are needed, theirs counts.
  if (fleet.ids.length === 3 && deadMs > 30_000) violations.push(`it counts ${deadMs} ms that it did not see`)
  return violations
}

/** What others said while this process stood still is old when it reads it. */
const oldMail: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.pause(observer, 20_000)
  fleet.pause(peer, 6_000)
  fleet.run(startMs + 40_000)
  return [...violations, ...fleet.changesOf(observer, startMs).map(words)]
}

/** A link that comes and goes is held down longer and longer, and is forgiven when it is steady. */
const flapping: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  const periodMs = 6_000 + fleet.random.next() * 2_000
  for (let atMs = startMs; atMs < startMs + 150_000; atMs += periodMs) {
    fleet.at(atMs, () => fleet.cut(peer, observer))
    fleet.at(atMs + periodMs / 3, () => fleet.mend(peer, observer))
  }
  fleet.run(startMs + 150_000)
  const ups = fleet.changesOf(observer, startMs).filter(({ to }) => to === 'up').length
  if (ups > 4) violations.push(`${ups} times up in 150 s of flapping`)
  if (fleet.state(observer, peer) !== 'flapping') violations.push(`it is ${fleet.state(observer, peer)}`)
  fleet.run(startMs + 150_000 + healthDefaults.holdMaxMs + periodMs)
  if (fleet.state(observer, peer) !== 'up') violations.push('it is never forgiven')
  const wrong = fleet.changes.filter(
    each => each.observer !== observer || each.peer !== peer || each.to === 'down',
  )
  return [...violations, ...wrong.map(words)]
}

/** Who comes back is up only after some steady heartbeats. */
const hastyReturn: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.cut(peer, observer)
  fleet.run(startMs + 5_000)
  fleet.mend(peer, observer)
  fleet.run(startMs + 5_900)
  if (fleet.state(observer, peer) === 'up') violations.push('up again after three heartbeats')
  fleet.run(startMs + 9_000)
  if (fleet.state(observer, peer) !== 'up') violations.push('not up after 4 s of heartbeats')
  return violations
}

/** One that lies, or is wrong, changes nobody's mind about anybody. */
const liar: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  const strangers = Array.from({ length: 20 }, (_, number) => `stranger${number}` as PeerId)
  const suspected = fleet.ids.map(id => ({ peer: id, forMs: 10_000_000 }))
  for (let atMs = startMs; atMs < startMs + 20_000; atMs += 200)
    fleet.at(atMs, () => {
      for (const from of [...minority(fleet, peer, observer), ...strangers])
        fleet.tell(observer, from, { sequence: Math.floor(1_000_000 + atMs), suspected })
    })
  fleet.run(startMs + 20_000)
  return [...violations, ...fleet.changes.map(words)]
}

/** What is old says nothing. */
const staleReports: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  for (const other of fleet.ids) {
    if (other === peer || other === observer) continue
    const report = { sequence: 2 ** 40, suspected: [{ peer, forMs: 100 }] }
    fleet.tell(observer, other, report, healthDefaults.reportMaxAgeMs + 1)
  }
  fleet.run(startMs + 10_000)
  return [...violations, ...fleet.changes.map(words)]
}

/** What witnesses said who are silent since does not count for ever. */
const lostWitnesses: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, others, startMs, violations } = settled(protocol, seed)
  fleet.kill(peer)
  fleet.run(startMs + 10_000)
  for (const other of others)
    if (other !== observer)
      for (const id of [observer, peer]) {
        fleet.cut(id, other)
        fleet.cut(other, id)
      }
  fleet.run(startMs + 20_000)
  if (fleet.state(observer, peer) !== 'down') violations.push('down no more, though nobody saw it up')
  fleet.start(peer)
  fleet.run(startMs + 30_000)
  if (fleet.state(observer, peer) !== 'up') violations.push('down for ever by what was said long ago')
  return violations
}

/** A report that comes again later is no news. */
const replayed: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  for (let atMs = startMs; atMs < startMs + 5_000; atMs += 100)
    fleet.at(atMs, () => {
      for (const from of fleet.ids)
        if (from !== observer) fleet.tell(observer, from, { sequence: 1, suspected: [{ peer, forMs: 100 }] })
    })
  fleet.run(startMs + 10_000)
  return [...violations, ...fleet.changes.map(words)]
}

/** Short pauses of the others are no failures, though they may just have talked a lot. */
const hiccups: Scenario = (protocol, seed) => {
  const { fleet, startMs, violations } = settled(protocol, seed)
  const talkers = fleet.ids.filter(() => fleet.random.chance(0.5))
  for (let roundMs = startMs; roundMs < startMs + 30_000; roundMs += 3_000) {
    for (let atMs = roundMs; atMs < roundMs + 2_000; atMs += 20)
      fleet.at(atMs, () => {
        for (const id of talkers) fleet.talk(id)
      })
    fleet.at(roundMs + 2_200, () => fleet.pause(fleet.random.pick(fleet.ids), 400))
  }
  fleet.run(startMs + 30_000)
  return [...violations, ...fleet.changes.map(words)]
}

/** After one long outage the next is noticed as quickly. */
const secondOutage: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.cut(peer, observer)
  fleet.run(startMs + 60_000)
  fleet.mend(peer, observer)
  fleet.run(startMs + 75_000)
  fleet.cut(peer, observer)
  fleet.run(startMs + 76_300)
  if (fleet.state(observer, peer) === 'up') violations.push('the second outage is not noticed')
  return violations
}

/** A minority does not make a death older than it is. */
const liarAboutDeath: Scenario = (protocol, seed) => {
  const { fleet, peer, observer, startMs, violations } = settled(protocol, seed)
  fleet.kill(peer)
  for (let atMs = startMs; atMs < startMs + 20_000; atMs += 200)
    fleet.at(atMs, () => {
      for (const from of minority(fleet, peer, observer))
        fleet.tell(observer, from, {
          sequence: Math.floor(1_000_000 + atMs),
          suspected: [{ peer, forMs: 1e9 }],
        })
    })
  fleet.run(startMs + 20_000)
  const deadMs = fleet.deadForMs(observer, peer) ?? 0
  if (deadMs > 25_000) violations.push(`dead for ${deadMs} ms of 19,000`)
  return violations
}

/** Everything at once; in the end all that live are up, and nobody is ever down by the word of one. */
const storm: Scenario = (protocol, seed) => {
  const { fleet, startMs, violations } = settled(protocol, seed)
  const { random, ids } = fleet
  const endMs = startMs + 60_000
  const disturb = (): void => {
    if (fleet.nowMs >= endMs) return
    const [id, other] = [random.pick(ids), random.pick(ids)]
    const lastsMs = random.next() * random.pick([500, 3_000, 15_000])
    switch (random.pick(['pause', 'kill', 'cut', 'cut'] as const)) {
      case 'pause':
        fleet.pause(id, lastsMs)
        break
      case 'kill':
        fleet.kill(id)
        fleet.at(fleet.nowMs + lastsMs, () => fleet.start(id))
        break
      case 'cut':
        fleet.cut(id, other)
        fleet.at(fleet.nowMs + lastsMs, () => fleet.mend(id, other))
        break
    }
    fleet.at(fleet.nowMs + random.next() * 3_000, disturb)
  }
  disturb()
  const quorum = Math.floor(ids.length / 2) + 1
  const least = Math.floor(quorum / 2) + 1
  let seen = 0
  for (let atMs = startMs; atMs < endMs; atMs += 100) {
    fleet.run(atMs)
    for (const change of fleet.changes.slice(seen)) {
      const witnesses = fleet.suspecters(change.peer, change.atMs - healthDefaults.reportMaxAgeMs - 1_000)
      if (change.to === 'down' && witnesses.length < least)
        violations.push(`${words(change)}, but only ${witnesses.join(', ')} missed it`)
    }
    seen = fleet.changes.length
  }
  fleet.run(endMs + 15_000 + healthDefaults.holdMaxMs + 10_000)
  for (const id of ids)
    for (const peer of ids)
      if (fleet.state(id, peer) !== 'up')
        violations.push(`${id} takes ${peer} for ${fleet.state(id, peer)} in the end`)
  return violations
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  calm,
  death,
  shortReturn,
  oneWayCut,
  cutOff,
  ownPause,
  pausedWitness,
  oldMail,
  flapping,
  hastyReturn,
  liar,
  staleReports,
  lostWitnesses,
  replayed,
  hiccups,
  liarAboutDeath,
  secondOutage,
  storm,
}
