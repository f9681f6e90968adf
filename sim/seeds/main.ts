import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { SlurpError } from '../../base/errors.ts'
import { plantVersion } from '../mixed/other-version.ts'
import type { SimResult } from '../scenario.ts'
import { parseRange, processesMax, runSeeds } from './pool.ts'
import { Progress } from './progress.ts'
import { brokenWords, Totals } from './totals.ts'

const usage = `Runs many seeds of the simulator, as many at once as there are cores.
  --seeds FIRST-LAST   which seeds; 1-1000 when absent
  --processes N        how many at once
  --mixed COMMIT       every other start of a peer runs the sources of this commit
  --go-on              do not stop at the first seed that breaks an invariant
Exit code 1 when a seed broke.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1-1000' },
      processes: { type: 'string', default: String(availableParallelism()) },
      mixed: { type: 'string' },
      'go-on': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const range = parseRange(values.seeds)
  const processes = Number(values.processes)
  if (
    values.help ||
    range === null ||
    !Number.isInteger(processes) ||
    processes < 1 ||
    processes > processesMax
  ) {
    process.stderr.write(`${usage}\n`)
    return values.help ? 0 : 2
  }
  const totals = new Totals()
  const broken: number[] = []
  const wanted = range.last - range.first + 1
  const startMs = performance.now()
  const shown = new Progress(process.stderr)
  const mixed = values.mixed === undefined ? null : plantVersion(values.mixed)
  if (mixed !== null) process.on('exit', () => mixed.remove())
  const taken = (result: SimResult): boolean => {
    totals.add(result)
    if (result.violations.length > 0) {
      broken.push(result.seed)
      shown.clear()
      process.stdout.write(`${brokenWords(result)}\n`)
    }
    shown.tell(() => progress(totals.seeds, wanted, broken.length, performance.now() - startMs))
    return broken.length === 0 || values['go-on']
  }
  await runSeeds(range, processes, taken, mixed)
  shown.clear()
  const tookS = (performance.now() - startMs) / 1_000
  process.stdout.write(`${totals.words().join('\n')}\n`)
  process.stdout.write(
    `${tookS.toFixed(0)} s, ${(totals.seeds / tookS).toFixed(1)} seeds/s; ${broken.length === 0 ? 'every invariant held' : `broken: ${broken.join(' ')}`}\n`,
  )
  return broken.length === 0 ? 0 : 1
}

function progress(done: number, wanted: number, broken: number, tookMs: number): string {
  const rate = (done * 1_000) / tookMs
  const leftS = Math.round((wanted - done) / rate)
  const left = leftS >= 120 ? `${Math.round(leftS / 60)} min` : `${leftS} s`
  return `${done} of ${wanted} seeds, ${rate.toFixed(1)}/s, ${left} left, ${broken} broken`
}

try {
  process.exitCode = await main()
} catch (failure) {
  if (!(failure instanceof SlurpError)) throw failure
  process.stderr.write(`${failure.message}\n  ${failure.hint}\n`)
  process.exitCode = failure.exitCode
}
