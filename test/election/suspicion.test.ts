// Goal: phi is the paper's, and a detector built on it is quick with the dead and patient with the slow. Method: phi
// against an integral worked out here and against quantiles from tables; detectors fed with steady, jittery, lossy and
// bursty heartbeats, whose false alarms are counted for fixed seeds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PeerId } from '../../base/ids.ts'
import { type Random, seeded } from '../../base/random.ts'
import { deviationsAt, phiOf } from '../../election/phi.ts'
import {
  type Detector,
  detectorDefaults,
  heard,
  newDetector,
  phi,
  shifted,
  silenceMaxMs,
  suspectedMs,
  unwatch,
  verdicts,
  watch,
} from '../../election/suspicion.ts'

const peer = 'peer' as PeerId
const { heartbeatMs } = detectorDefaults

/** P_later of the paper: the integral of the normal density from t on, by Simpson's rule. */
function laterThan(t: number, mean: number, deviation: number): number {
  const steps = 20_000
  const end = Math.max(t, mean) + 12 * deviation
  const width = (end - t) / steps
  const density = (x: number) =>
    Math.exp(-((x - mean) ** 2) / (2 * deviation ** 2)) / (deviation * Math.sqrt(2 * Math.PI))
  let sum = density(t) + density(end)
  for (let step = 1; step < steps; step++) sum += density(t + step * width) * (step % 2 === 1 ? 4 : 2)
  return (sum * width) / 3
}

const close = (actual: number, expected: number, within: number, what?: string) =>
  assert.ok(Math.abs(actual - expected) <= within, `${what ?? ''}: ${actual} is not ${expected}`)

test('phi has the values of the normal tables', () => {
  const quantiles: readonly [number, number][] = [
    [0, 0.30103],
    [1, 0.7995455],
    [1.2815515655, 1],
    [2.3263478741, 2],
    [3.0902323062, 3],
    [3.7190164855, 4],
    [4.2648907939, 5],
    [4.7534243088, 6],
    [5.1993375822, 7],
    [5.6120012442, 8],
    [5.997807015, 9],
    [6.3613409024, 10],
  ]
  for (const [deviations, expected] of quantiles) {
    close(phiOf(deviations), expected, 1e-6, `${deviations}`)
    if (expected > 0.9) close(deviationsAt(expected), deviations, 1e-6, `${expected}`)
  }
})

test("phi is -log10 of the paper's P_later", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 3_000, noNaN: true }),
      fc.double({ min: 50, max: 1_000, noNaN: true }),
      fc.double({ min: 20, max: 400, noNaN: true }),
      (t, mean, deviation) => {
        const deviations = (t - mean) / deviation
        fc.pre(deviations < 11 && deviations > -6)
        close(phiOf(deviations), -Math.log10(laterThan(t, mean, deviation)), 1e-6)
      },
    ),
    { numRuns: 60 },
  )
})

test('phi never falls with the silence, and is finite for any of them', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      (at, more) => {
        assert.ok(phiOf(at + more) >= phiOf(at) - 1e-12)
        assert.ok(Number.isFinite(phiOf(at)) && phiOf(at) >= 0)
      },
    ),
  )
  // The two ways to work it out meet.
  close(phiOf(2 - 1e-9), phiOf(2 + 1e-9), 1e-8)
})

function fed(gapsMs: readonly number[]): { detector: Detector; lastMs: number } {
  let detector = heard(watch(newDetector(), peer, 0), peer, 0)
  let lastMs = 0
  for (const gapMs of gapsMs) {
    lastMs += gapMs
    detector = heard(detector, peer, lastMs)
  }
  return { detector, lastMs }
}

test('a watched peer has the phi of the gaps that were heard, and is suspected from the threshold on', () => {
  const gaps = fc.array(fc.double({ min: 1, max: 1_000, noNaN: true }), { minLength: 200, maxLength: 260 })
  fc.assert(
    fc.property(gaps, fc.double({ min: 0, max: 4_000, noNaN: true }), (gapsMs, silenceMs) => {
      const { detector, lastMs } = fed(gapsMs)
      const kept = gapsMs.slice(-200).map(gap => Math.min(750, gap))
      const mean = kept.reduce((sum, gap) => sum + gap, 0) / 200
      const variance = kept.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / 200
      const deviation = Math.max(50, Math.sqrt(variance))
      const expected = phiOf((silenceMs - Math.max(heartbeatMs, mean) - 300) / deviation)
      const nowMs = lastMs + silenceMs
      close(phi(detector, peer, nowMs), expected, 1e-6 * Math.max(1, expected))
      const verdict = verdicts(detector, nowMs).get(peer)!
      if (Math.abs(expected - 8) > 1e-6) assert.equal(verdict.isSuspected, expected > 8)
      assert.ok(suspectedMs(detector, detector.watches.get(peer)!) - lastMs <= silenceMaxMs(detector))
    }),
  )
})

test('a steady peer is suspected within a second, a new one too, and nobody later than the longest silence', () => {
  const silenceOf = ({ detector, lastMs }: { detector: Detector; lastMs: number }) =>
    suspectedMs(detector, detector.watches.get(peer)!) - lastMs
  const steady = silenceOf(fed(Array.from({ length: 300 }, () => 250)))
  close(steady, 250 + 300 + 5.612 * 50, 0.1)
  assert.ok(silenceOf(fed([])) < 1_000)
  assert.ok(silenceOf(fed([0, 750, 0, 750])) < 3_200)
  close(silenceMaxMs(newDetector()), 3_154.5, 0.1)
})

test('who was never heard has a while to begin', () => {
  const detector = watch(newDetector(), peer, 1_000)
  assert.equal(verdicts(detector, 6_800).get(peer)?.isSuspected, false)
  assert.equal(verdicts(detector, 7_000).get(peer)?.isSuspected, true)
  assert.equal(watch(detector, peer, 9_000), detector)
  assert.equal(unwatch(detector, peer).watches.size, 0)
  assert.equal(heard(detector, 'stranger' as PeerId, 1_001), detector)
})

test('time slept through is nobody else’s silence', () => {
  const { detector, lastMs } = fed([250, 250])
  assert.equal(verdicts(detector, lastMs + 10_000).get(peer)?.isSuspected, true)
  assert.equal(verdicts(shifted(detector, 9_800), lastMs + 10_000).get(peer)?.isSuspected, false)
})

test('the window is bounded', () => {
  const { detector } = fed(Array.from({ length: 1_000 }, (_, number) => number % 300))
  assert.equal(detector.watches.get(peer)?.gapsMs.length, 200)
  assert.throws(() => newDetector({ ...detectorDefaults, windowMax: 201 }))
  assert.throws(() => newDetector({ ...detectorDefaults, threshold: 0 }))
})

/** How late each heartbeat comes; null: never. And how many false alarms an hour that may cause. */
type Weather = readonly [(random: Random) => number | null, number]
const weathers: Readonly<Record<string, Weather>> = {
  'a quiet network': [random => 1 + random.next() * 5, 0],
  'jitter of 40 ms': [random => 40 * Math.sqrt(-2 * Math.log(1 - random.next())), 0],
  'long tails (mean 60 ms)': [random => -60 * Math.log(1 - random.next()), 0],
  'pauses of 400 ms, one in 40': [random => (random.chance(0.025) ? 400 : 5), 0],
  'one in 50 lost': [random => (random.chance(0.02) ? null : 1 + random.next() * 20), 2],
  'one in 10 lost': [random => (random.chance(0.1) ? null : 1 + random.next() * 20), 20],
  // One in 156 is later than all that is allowed: there is nothing false in most of these.
  'heavy tails (Pareto, 20 ms, shape 1.5)': [
    random => Math.min(20 * (1 - random.next()) ** (-1 / 1.5), 2_000),
    93,
  ],
}

test('false alarms in fair and foul weather', t => {
  for (const [name, [delayMs, most]] of Object.entries(weathers)) {
    const random = seeded(11)
    const hours = 6
    const beats = (hours * 3_600_000) / heartbeatMs
    const arrivalsMs: number[] = []
    for (let beat = 0; beat < beats; beat++) {
      const late = delayMs(random)
      if (late !== null) arrivalsMs.push(beat * heartbeatMs + late)
    }
    // A stream keeps its order: what is late holds up what follows.
    for (let at = 1; at < arrivalsMs.length; at++)
      arrivalsMs[at] = Math.max(arrivalsMs[at]!, arrivalsMs[at - 1]!)
    let detector = heard(watch(newDetector(), peer, 0), peer, arrivalsMs[0]!)
    let alarms = 0
    let slowestMs = 0
    for (const arrivalMs of arrivalsMs.slice(1)) {
      const known = detector.watches.get(peer)!
      const dueMs = suspectedMs(detector, known)
      slowestMs = Math.max(slowestMs, dueMs - known.heardMs)
      if (arrivalMs >= dueMs) alarms++
      detector = heard(detector, peer, arrivalMs)
    }
    const perHour = alarms / hours
    t.diagnostic(
      `${name}: ${perHour.toFixed(2)} an hour, a death noticed after at most ${Math.round(slowestMs)} ms`,
    )
    assert.ok(perHour <= most, `${name}: ${perHour} false alarms an hour`)
  }
})
