import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { SlurpError } from '../../base/errors.ts'
import { plantVersion } from '../mixed/other-version.ts'
import type { SimResult } from '../scenario.ts'
import { type DeepWanted, parseDeep, usage } from './deep-arguments.ts'
import { Failures, ownBounds } from './failures.ts'
import { runSeeds, seedMax } from './pool.ts'
import { Progress } from './progress.ts'
import { type DeepRun, decodeRun, encodeRun, mergeRuns, reportOf } from './report.ts'
import { sourcesPrint } from './sources.ts'
import { markdownOf, wordsOfReport } from './tables.ts'
import { Totals } from './totals.ts'

const reportBytesMax = 512 * 1024 * 1024

/** What a run came to; `failure` when it ended early because a process died. */
type Outcome = { readonly run: DeepRun; readonly failure: unknown }

async function main(argv: readonly string[]): Promise<number> {
  const wanted = parseDeep(argv)
  if (wanted === null || wanted.kind === 'help') {
    const stream = wanted === null ? process.stderr : process.stdout
    stream.write(`${usage}\n`)
    return wanted === null ? 2 : 0
  }
  // Better said now than after an hour.
  if (wanted.report !== null) tryReport(wanted.report)
  const { run, failure }: Outcome =
    wanted.kind === 'merge'
      ? { run: mergeRuns(wanted.files.map(readRun)), failure: null }
      : await runDeep(wanted)
  if (wanted.report !== null) writeFileSync(wanted.report, encodeRun(run))
  const report = reportOf(run)
  const told = {
    json: () => JSON.stringify(report),
    markdown: () => markdownOf(report),
    text: () => wordsOfReport(report).join('\n'),
  }[wanted.as]()
  process.stdout.write(`${told}\n`)
  if (failure !== null) process.stderr.write(`ended early: ${String(failure)}\n`)
  return report.brokenSeeds === 0 && failure === null ? 0 : 1
}

/** @throws SlurpError USAGE with `sentence` when a file or folder is not as it was said to be. */
function onDisk<T>(sentence: string, use: () => T): T {
  try {
    return use()
  } catch (cause) {
    throw new SlurpError('USAGE', sentence, { hint: (cause as Error).message, cause })
  }
}

const tryReport = (file: string): void =>
  onDisk(`${file} cannot be written.`, () => closeSync(openSync(file, 'a')))

function readRun(file: string): DeepRun {
  return decodeRun(
    onDisk(`${file} cannot be read.`, () => {
      if (statSync(file).size > reportBytesMax) throw new Error('It is too large for a report.')
      return readFileSync(file, 'utf8')
    }),
    file,
  )
}

async function runDeep(wanted: DeepWanted): Promise<Outcome> {
  const { minutes, from, processes, out } = wanted
  if (out !== null) onDisk(`${out} cannot be used.`, () => mkdirSync(out, { recursive: true }))
  const mixed = wanted.mixed === null ? null : plantVersion(wanted.mixed)
  const sources = [mixed === null ? sourcesPrint() : `${sourcesPrint()} with ${mixed.name}`]
  const totals = new Totals()
  const shown = new Progress(process.stderr)
  const failures = new Failures(
    out,
    text => {
      shown.clear()
      const stream = wanted.as === 'text' ? process.stdout : process.stderr
      stream.write(`${text}\n`)
    },
    mixed === null ? ownBounds : null,
  )
  let isInterrupted = false
  const interrupt = () => {
    isInterrupted = true
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const startMs = performance.now()
  const seconds = () => (performance.now() - startMs) / 1_000
  let took = 0
  let failure: unknown = null
  try {
    const taken = (result: SimResult): boolean => {
      totals.add(result)
      if (result.violations.length > 0) failures.add(result)
      shown.tell(() => progress(totals, seconds(), minutes * 60))
      return !isInterrupted && seconds() < minutes * 60
    }
    await runSeeds({ first: from, last: seedMax }, processes, taken, mixed)
    took = seconds()
    await failures.done()
  } catch (cause) {
    // What was counted so far is worth telling.
    failure = cause
  } finally {
    mixed?.remove()
  }
  shown.clear()
  process.off('SIGINT', interrupt)
  process.off('SIGTERM', interrupt)
  return { run: { totals, seconds: took || seconds(), sources }, failure }
}

function progress(totals: Totals, tookS: number, wantedS: number): string {
  const leftS = Math.max(0, Math.round(wantedS - tookS))
  const left = leftS >= 120 ? `${Math.round(leftS / 60)} min` : `${leftS} s`
  const rate = (totals.seeds / tookS).toFixed(1)
  return `${totals.seeds} seeds, ${rate}/s, ${left} left, ${totals.schedules.size} schedules, ${totals.brokenSeeds} broken`
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (failure) {
  if (!(failure instanceof SlurpError)) throw failure
  process.stderr.write(`${failure.message}\n  ${failure.hint}\n`)
  process.exitCode = failure.exitCode
}
