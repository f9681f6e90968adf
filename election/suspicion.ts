import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import { deviationsAt, phiOf } from './phi.ts'

/** What is taken for a failure. The defaults notice a steady peer's death after 0.83 s. */
export type DetectorOptions = {
  /** How often peers send. Hearing more often, as any frame of a peer counts, does no harm. */
  readonly heartbeatMs: number
  /** Times between arrivals that are remembered of each peer. */
  readonly windowMax: number
  /** Nobody is as steady as a quiet network makes believe. */
  readonly deviationMinMs: number
  /** A pause of the sender, or of the way, that is no failure. */
  readonly pauseMs: number
  /** Phi from which on a peer is suspected. */
  readonly threshold: number
  /** A longer gap counts as one of this length, or one outage would make the next take long to notice. */
  readonly gapMaxMs: number
  /** Who was never heard is suspected only so long after it began to be watched. */
  readonly startMs: number
}

export const detectorDefaults: DetectorOptions = {
  heartbeatMs: 250,
  windowMax: 200,
  deviationMinMs: 50,
  pauseMs: 300,
  threshold: 8,
  gapMaxMs: 750,
  startMs: 5_000,
}

/** Suspects peers that are silent for longer than their past explains. A value: every change makes the next one. */
export type Detector = {
  readonly options: DetectorOptions
  /** Of the threshold. */
  readonly deviations: number
  readonly watches: ReadonlyMap<PeerId, Watch>
}

export type Watch = {
  readonly gapsMs: readonly number[]
  readonly meanMs: number
  readonly deviationMs: number
  /** Before it was ever heard: the end of its grace. */
  readonly heardMs: number
  readonly isHeard: boolean
}

export type Verdict = { readonly phi: number; readonly isSuspected: boolean }

export function newDetector(options: DetectorOptions = detectorDefaults): Detector {
  const { heartbeatMs, deviationMinMs, windowMax, gapMaxMs } = options
  assert(heartbeatMs > 0 && deviationMinMs > 0 && gapMaxMs >= heartbeatMs, 'heartbeats come now and then')
  assert(windowMax >= 2 && windowMax <= 200, 'a window is of 2 to 200 gaps')
  return { options, deviations: deviationsAt(options.threshold), watches: new Map() }
}

/** Begins to watch a peer that is not watched yet. */
export function watch(detector: Detector, peer: PeerId, nowMs: number): Detector {
  if (detector.watches.has(peer)) return detector
  const { heartbeatMs, startMs } = detector.options
  // As if two had come, a quarter too early and a quarter too late: of use until there are more.
  const gapsMs = [0.75 * heartbeatMs, 1.25 * heartbeatMs]
  const first = measured(detector, { gapsMs, heardMs: nowMs + startMs, isHeard: false })
  return { ...detector, watches: new Map(detector.watches).set(peer, first) }
}

export function unwatch(detector: Detector, peer: PeerId): Detector {
  const watches = new Map(detector.watches)
  watches.delete(peer)
  return { ...detector, watches }
}

/** A heartbeat arrived. Of a peer that is not watched it changes nothing. Cost: O(watched peers + window). */
export function heard(detector: Detector, peer: PeerId, nowMs: number): Detector {
  const known = detector.watches.get(peer)
  if (known === undefined) return detector
  const { windowMax, gapMaxMs } = detector.options
  const gapMs = Math.min(gapMaxMs, Math.max(0, nowMs - known.heardMs))
  const gapsMs = known.isHeard ? known.gapsMs.slice(1 - windowMax) : known.gapsMs.slice()
  if (known.isHeard) gapsMs.push(gapMs)
  const next = measured(detector, { gapsMs, heardMs: nowMs, isHeard: true })
  return { ...detector, watches: new Map(detector.watches).set(peer, next) }
}

/** As if everybody had been heard so much later: for time that this process slept through. */
export function shifted(detector: Detector, byMs: number): Detector {
  const watches = [...detector.watches].map(([peer, each]): [PeerId, Watch] => [
    peer,
    { ...each, heardMs: each.heardMs + byMs },
  ])
  return { ...detector, watches: new Map(watches) }
}

/** Phi of a watched peer: how little its past explains its silence. */
export function phi(detector: Detector, peer: PeerId, nowMs: number): number {
  const known = detector.watches.get(peer)
  assert(known !== undefined, 'only who is watched can be suspected')
  return phiOfWatch(detector, known, nowMs)
}

export function verdicts(detector: Detector, nowMs: number): ReadonlyMap<PeerId, Verdict> {
  return new Map(
    [...detector.watches].map(([peer, known]) => [
      peer,
      { phi: phiOfWatch(detector, known, nowMs), isSuspected: nowMs >= suspectedMs(detector, known) },
    ]),
  )
}

/** When a peer becomes suspected, unless it is heard before: phi reaches the threshold. */
export function suspectedMs({ options, deviations }: Detector, known: Watch): number {
  return known.heardMs + known.meanMs + options.pauseMs + deviations * known.deviationMs
}

/** The longest that a silence can go unsuspected, whatever came before it. */
export const silenceMaxMs = ({ options, deviations }: Detector): number =>
  options.gapMaxMs + options.pauseMs + deviations * Math.max(options.deviationMinMs, options.gapMaxMs / 2)

const phiOfWatch = ({ options }: Detector, { heardMs, meanMs, deviationMs }: Watch, nowMs: number): number =>
  phiOf((nowMs - heardMs - meanMs - options.pauseMs) / deviationMs)

function measured({ options }: Detector, known: Pick<Watch, 'gapsMs' | 'heardMs' | 'isHeard'>): Watch {
  const { gapsMs } = known
  let sumMs = 0
  for (const gapMs of gapsMs) sumMs += gapMs
  const meanMs = sumMs / gapsMs.length
  let squares = 0
  for (const gapMs of gapsMs) squares += (gapMs - meanMs) ** 2
  const variance = squares / gapsMs.length
  return {
    ...known,
    // Traffic between heartbeats shortens the gaps; that is no promise to go on so.
    meanMs: Math.max(options.heartbeatMs, meanMs),
    deviationMs: Math.max(options.deviationMinMs, Math.sqrt(variance)),
  }
}
