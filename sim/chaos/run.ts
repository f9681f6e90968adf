import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { seeded } from '../../base/random.ts'
import { settle } from './after/settle.ts'
import { verify } from './after/verify.ts'
import { ChaosFailure } from './failure.ts'
import type { FaultKind } from './faults/fault.ts'
import { faultKinds } from './faults/kinds.ts'
import { planFaults } from './faults/schedule.ts'
import { type FaultRecord, storm } from './faults/storm.ts'
import { ChaosFleet } from './fleet/fleet.ts'
import { RingLog, watchRing } from './fleet/ring.ts'
import type { Call } from './history/call.ts'
import { checkRun } from './history/check.ts'
import { historyFormat } from './history/file.ts'
import { Recorder } from './history/recorder.ts'
import { Addresses } from './load/addresses.ts'
import { fill, fillerName } from './load/filling.ts'
import { Worker } from './load/worker.ts'
import type { ChaosOptions } from './options.ts'
import { gapsOf, isNear, longestRebuild } from './report/availability.ts'
import { movedFrom } from './report/moved.ts'
import {
  checkedCounts,
  countFaults,
  countOperations,
  countRefusals,
  latencies,
  type Report,
  replicaCounts,
} from './report/report.ts'
import { storyOf, worstGaps } from './report/words.ts'

/** Of the time, before the first fault: what the figures "before" are from. */
const calmShare = 0.1
const calmMsMost = 30_000
const startSettleMsMax = 60_000
/** Changes of members in which no peer is lost: what calls take meanwhile is what the moves cost them. */
const quietMoves: ReadonlySet<string> = new Set(['join', 'drain'])

export type RunResult = {
  readonly report: Report
  /** What befell the first address with a broken promise. */
  readonly story: readonly string[]
}

/** One run from the first process to the last: nothing of it is left but what `keptIn` of the report names. */
export class ChaosRun {
  private readonly options: ChaosOptions
  private readonly told: (what: string) => void
  private readonly dir: string
  private readonly fleet: ChaosFleet
  private readonly recorder: Recorder
  private readonly addresses = new Addresses()
  private readonly rings = new RingLog()
  private readonly faultsTold: { atMs: number; what: string }[] = []
  private startMs = performance.now()
  private startWallMs = Date.now()
  private isKept: boolean

  /** @param told - what goes on, for a person that waits. */
  constructor(options: ChaosOptions, told: (what: string) => void) {
    this.options = options
    this.told = told
    this.isKept = options.out !== null
    const { main, peers, replicas } = options
    if (options.out !== null) mkdirSync(options.out, { recursive: true, mode: 0o700 })
    this.dir = mkdtempSync(join(options.out === null ? tmpdir() : resolve(options.out), 'slurp-chaos-'))
    const nowMs = () => this.nowMs()
    this.fleet = new ChaosFleet({ main, dir: this.dir, peers, replicas, nowMs })
    this.recorder = new Recorder(join(this.dir, 'history.ndjson'), nowMs)
  }

  /** @throws ChaosFailure when the fleet cannot be started, or a peer of it not be started again. */
  async run(): Promise<RunResult> {
    try {
      return await this.play()
    } catch (failure) {
      this.isKept = true
      throw failure
    } finally {
      this.end()
    }
  }

  /** Where something is kept; null when nothing is. */
  get keptIn(): string | null {
    return this.isKept ? this.dir : null
  }

  /** Ends all processes at once and removes what is not kept. Synchronous: it also works while the process ends. */
  end(): void {
    this.fleet.killAll()
    if (!this.isKept) rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }

  private async play(): Promise<RunResult> {
    const { fleet, recorder, options } = this
    const startedMs = performance.now()
    recorder.write({ type: 'run', format: historyFormat, seed: options.seed, peers: options.peers })
    this.told(`starting ${options.peers} peers, seed ${options.seed}`)
    await fleet.start()
    const unwell = await settle(fleet, startSettleMsMax)
    if (unwell.length > 0) throw new ChaosFailure(`the fleet does not get ready: ${unwell.join('; ')}`)
    await this.fill()
    const stalls = monitorEventLoopDelay({ resolution: 10 })
    stalls.enable()
    const { faults, firstFaultMs } = await this.loadAndFaults()
    stalls.disable()
    const machine = {
      cores: availableParallelism(),
      load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
      stalledMs: Math.round(stalls.max / 1e6),
    }
    const load = recorder.calls.filter(({ worker }) => worker !== fillerName)

    await fleet.heal()
    const addresses = new Set(recorder.calls.map(call => call.address))
    const verified = await verify(fleet, addresses, recorder, what => this.told(what))
    this.rings.note(this.nowMs(), verified.ring)
    for (const [address, entries] of verified.chains) recorder.write({ type: 'chain', address, entries })
    await recorder.close()
    this.told(`checking ${recorder.calls.length} calls`)
    const checked = checkRun(recorder.calls, verified.chains)
    const violations = [...verified.violations, ...checked.violations]
    if (violations.length > 0) this.isKept = true

    const gaps = gapsOf(load, call => this.hadQuorum(call, verified.partitionOf(call.address)))
    const report: Report = {
      seed: options.seed,
      minutes: options.minutes,
      peers: options.peers,
      replicas: options.replicas,
      workers: options.workers,
      operations: countOperations(load),
      refusals: countRefusals(load),
      faults: countFaults(faults, gaps),
      latency: latencies(load, firstFaultMs, call => this.whatWentOn(call, faults)),
      moved: movedFrom({
        moved: this.rings.moved,
        leastCopies: fleet.leastCopies,
        copiedBytes: fleet.copied.total,
        replicas: verified.replicas.values(),
        partitions: verified.ring.parts.length,
        startWallMs: this.startWallMs,
      }),
      rebuiltMs: longestRebuild(faults),
      worst: worstGaps(gaps, load),
      machine,
      checked: checkedCounts(checked),
      replicasCompared: replicaCounts(verified.comparison, verified.rounds),
      searched: verified.searched,
      tookS: Math.round((performance.now() - startedMs) / 1_000),
      violations,
      keptIn: this.keptIn,
    }
    if (this.isKept) writeFileSync(join(this.dir, 'report.json'), `${JSON.stringify(report, null, 2)}\n`)
    const broken = violations.find(({ address }) => addresses.has(address))
    const story = broken === undefined ? [] : storyOf(broken.address, recorder.calls, this.faultsTold)
    return { report, story }
  }

  private async fill(): Promise<void> {
    const { fleet, recorder, options, addresses } = this
    if (options.stored === 0) return
    this.told(`storing ${options.stored} contexts`)
    const random = seeded(options.seed * 101)
    const told = (what: string) => this.told(what)
    await fill(options.stored, { doors: fleet.doors, random, addresses, recorder, told })
  }

  private async loadAndFaults(): Promise<{ faults: FaultRecord[]; firstFaultMs: number }> {
    const { fleet, recorder, options } = this
    const { seed, workers, ratePerSecond, patienceMs } = options
    const lastsMs = options.minutes * 60_000
    const firstFaultMs = Math.min(calmMsMost, lastsMs * calmShare)
    const plan = planFaults(seed, this.kinds(), firstFaultMs, lastsMs)
    const stop = new AbortController()
    const { addresses } = this
    this.startMs = performance.now()
    this.startWallMs = Date.now()
    this.told(`load for ${options.minutes} min, ${plan.length} faults planned`)
    const load = Array.from({ length: workers }, (_, at) =>
      new Worker({
        name: `w${at + 1}`,
        random: seeded(seed * 101 + at + 1),
        addresses,
        recorder,
        doors: () => fleet.doors,
        home: at,
        thinkMs: (workers * 1_000) / ratePerSecond,
        patienceMs,
        stopped: stop.signal,
      }).run(),
    )
    const watching = watchRing(fleet, this.rings, () => this.nowMs(), stop.signal)
    const over = setTimeout(() => stop.abort(), lastsMs)
    try {
      const told = (what: string) => {
        const atMs = this.nowMs()
        this.faultsTold.push({ atMs, what })
        recorder.write({ type: 'fault', atMs, what })
        this.told(`${(atMs / 1_000).toFixed(1)} s  ${what}`)
      }
      const faults = await storm({ fleet, plan, nowMs: () => this.nowMs(), told, stopped: stop.signal })
      await Promise.all(load)
      return { faults, firstFaultMs }
    } finally {
      clearTimeout(over)
      stop.abort()
      await Promise.all([...load, watching])
    }
  }

  /** Whether the owners of a partition could have served a call; of every partition when it is not known. */
  private hadQuorum({ calledMs, returnedMs }: Call, partition: number | null): boolean {
    const groups = this.rings
      .during(calledMs, returnedMs)
      .flatMap(({ parts }) => (partition === null ? parts : parts.slice(partition, partition + 1)))
      .flatMap(({ owners, next }) => (next.length === 0 ? [owners] : [owners, next]))
    return groups.every(owners => this.fleet.conditions.hadQuorum(owners, calledMs, returnedMs))
  }

  /** What went on during a call besides the load. */
  private whatWentOn({ calledMs, returnedMs }: Call, faults: readonly FaultRecord[]) {
    const near = faults.filter(fault => isNear(fault, calledMs, returnedMs))
    if (near.some(({ kind }) => !quietMoves.has(kind))) return 'faults'
    if (this.rings.wasMoving(calledMs, returnedMs)) return 'moves'
    return near.length === 0 ? 'nothing' : 'faults'
  }

  /** The kinds that were asked for. @throws ChaosFailure for one that does not exist. */
  private kinds(): FaultKind[] {
    const { faults } = this.options
    const unknown = faults?.find(name => !faultKinds.some(kind => kind.name === name))
    if (unknown !== undefined) throw new ChaosFailure(`there is no kind of fault "${unknown}"`)
    return faultKinds.filter(kind => faults === null || faults.includes(kind.name))
  }

  private nowMs(): number {
    return performance.now() - this.startMs
  }
}
