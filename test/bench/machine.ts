import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, freemem, release, totalmem, type } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const gigabyte = 1024 ** 3

export type Machine = {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly kernel: string
  readonly node: string
  readonly commit: string
  /** Share of all cores that others used in the second before the first measurement, 0 to 1. */
  readonly otherLoad: number
  /** Share of the time in which a loop that does nothing but count got through less than half of its usual work, 0 to 1. */
  readonly stalled: number
}

const countForMs = 4_000
const sliceMs = 20

export async function describeMachine(): Promise<Machine> {
  const before = processorTimes()
  await sleep(1000)
  const after = processorTimes()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${(totalmem() / gigabyte).toFixed(0)} GB, ${(freemem() / gigabyte).toFixed(0)} GB free`,
    kernel: `${type()} ${release().replace(/-.*/, '')}`,
    node: process.version,
    commit: commit(),
    otherLoad: 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all),
    stalled: stalledShare(),
  }
}

/** A machine that is shared stands still now and then, and no count of processor time says so. Takes `countForMs`. */
function stalledShare(): number {
  const counted: number[] = []
  const endMs = performance.now() + countForMs
  for (let sliceEndsMs = 0; sliceEndsMs < endMs; ) {
    sliceEndsMs = performance.now() + sliceMs
    let count = 0
    while (performance.now() < sliceEndsMs) count += 1
    counted.push(count)
  }
  const usual = counted.toSorted((a, b) => a - b)[counted.length >> 1]!
  return counted.filter(count => count < usual / 2).length / counted.length
}

/** Resident memory of a process in megabytes. */
export function residentMb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? Number.NaN) / 1024
}

/** Processor time of a process so far, in seconds, user and system. */
export const processorSeconds = (pid: number): number => secondsIn(`/proc/${pid}/stat`)

/** The same of its first thread alone, which runs the event loop. */
export const eventLoopSeconds = (pid: number): number => secondsIn(`/proc/${pid}/task/${pid}/stat`)

function secondsIn(path: string): number {
  const fields = readFileSync(path, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  const ticksPerSecond = 100
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function processorTimes(): { idle: number; all: number } {
  let idle = 0
  let all = 0
  for (const { times } of cpus()) {
    idle += times.idle
    all += times.idle + times.user + times.sys + times.nice + times.irq
  }
  return { idle, all }
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return (
      git('rev-parse', '--short', 'HEAD').trim() +
      (git('status', '--porcelain', '-uno') === '' ? '' : ' and changes')
    )
  } catch {
    return 'unknown'
  }
}
