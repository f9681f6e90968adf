import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { processesMax, seedMax } from './pool.ts'

const fromDefault = 1_000_000
const minutesMax = 60 * 24 * 30

export const usage = `Runs fresh seeds of the simulator on all cores until the time is over.
  --minutes M          how long, in minutes; parts of one are fine
  --from N             first seed; ${fromDefault} when absent, so that the same command runs the same seeds
  --processes N        how many at once; all cores when absent
  --mixed COMMIT       every other start of a peer runs the sources of this commit
  --out DIR            where the stories of seeds that break go, as text and as pages; else they are printed
  --report FILE        write what was counted, to be merged
  --merge FILE...      run nothing: add up what such files say
  --markdown           print tables for a page
  --json               print one JSON object
Ctrl-C ends a run early, with its report. Exit code 1 when a seed broke an invariant.`

type Shown = {
  readonly as: 'text' | 'markdown' | 'json'
  /** File for what was counted. */
  readonly report: string | null
}

export type DeepWanted = Shown & {
  readonly kind: 'run'
  readonly minutes: number
  readonly from: number
  readonly processes: number
  readonly mixed: string | null
  readonly out: string | null
}

export type Wanted =
  | DeepWanted
  | (Shown & { readonly kind: 'merge'; readonly files: readonly string[] })
  | Help
type Help = { readonly kind: 'help' }

/** @returns null when it cannot be made out what is wanted. */
export function parseDeep(argv: readonly string[]): Wanted | null {
  const parsed = parsedOf(argv)
  if (parsed === null) return null
  const { values, positionals } = parsed
  if (values.help) return { kind: 'help' }
  if (values.json && values.markdown) return null
  const as = values.json ? 'json' : values.markdown ? 'markdown' : 'text'
  const shown: Shown = { as, report: values.report ?? null }
  if (values.merge) {
    const isRun = [values.minutes, values.from, values.processes, values.mixed, values.out].some(
      each => each !== undefined,
    )
    return isRun || positionals.length === 0 ? null : { ...shown, kind: 'merge', files: positionals }
  }
  const minutes = Number(values.minutes)
  const from = Number(values.from ?? fromDefault)
  const processes = Number(values.processes ?? availableParallelism())
  if (positionals.length > 0 || !(minutes > 0 && minutes <= minutesMax)) return null
  if (!isWhole(from, 0, seedMax) || !isWhole(processes, 1, processesMax)) return null
  return {
    ...shown,
    kind: 'run',
    minutes,
    from,
    processes,
    mixed: values.mixed ?? null,
    out: values.out ?? null,
  }
}

function parsedOf(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        minutes: { type: 'string' },
        from: { type: 'string' },
        processes: { type: 'string' },
        mixed: { type: 'string' },
        out: { type: 'string' },
        report: { type: 'string' },
        merge: { type: 'boolean', default: false },
        markdown: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (failure) {
    if (failure instanceof TypeError) return null
    throw failure
  }
}

const isWhole = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max
