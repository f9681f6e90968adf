import { parseArgs } from 'node:util'

export const usage = `Runs a real fleet of processes under load and faults, and checks everything that its clients were told.
  --minutes M      how long the load lasts; 2 when absent
  --peers N        3 to 9; else the seed chooses 5 to 9
  --replicas N     copies of every context; 3 when absent
  --seed N         of the load and the faults; drawn when absent
  --faults KINDS   only these, separated by commas; \`none\` for none
  --workers N      clients, 8 when absent
  --rate N         calls a second of all clients together, about; 160 when absent
  --patience MS    how long a client waits for an answer; 600 when absent
  --stored N       contexts of 4 KB that are stored before the load, so that disks have something to compact; 0 when absent
  --out DIR        keep report, history and data there, whatever comes out
  --json           print the report as JSON
  --check FILE     check a recorded history again, run nothing
Exit code 1 when a promise was broken, 2 for wrong usage, 3 when the run itself could not go on, 130 when interrupted.`

export type ChaosOptions = {
  /** File of the command line of SLURP. */
  readonly main: string
  readonly minutes: number
  readonly peers: number
  readonly replicas: number
  readonly seed: number
  /** Names of the kinds of faults; null for all. */
  readonly faults: readonly string[] | null
  readonly workers: number
  readonly ratePerSecond: number
  readonly patienceMs: number
  /** Contexts that are stored before the load. */
  readonly stored: number
  readonly out: string | null
}

export type Command =
  | { readonly kind: 'run'; readonly options: ChaosOptions; readonly json: boolean }
  | { readonly kind: 'check'; readonly file: string; readonly json: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string }

const minutesMax = 24 * 60

/** @param draw - a seed for a run that names none. */
export function readOptions(args: readonly string[], draw: () => number): Command {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (failure) {
    return { kind: 'wrong', why: failure instanceof Error ? failure.message : String(failure) }
  }
  const { values, positionals } = parsed
  if (values.help) return { kind: 'help' }
  if (values.check !== undefined) return { kind: 'check', file: values.check, json: values.json }
  const wrong: string[] = []
  const number = (
    name: keyof typeof values,
    otherwise: number,
    least: number,
    most: number,
    whole = true,
  ) => {
    const text = values[name]
    const value = text === undefined ? otherwise : Number(text)
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      wrong.push(`--${name} is a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
    return value
  }
  const seed = number('seed', draw(), 0, 2 ** 31)
  const [main] = positionals
  if (main === undefined) wrong.push('the file of the command line is missing')
  const options: ChaosOptions = {
    main: main ?? '',
    minutes: number('minutes', 2, 0.05, minutesMax, false),
    peers: number('peers', 5 + (seed % 5), 3, 9),
    replicas: number('replicas', 3, 1, 9),
    seed,
    faults: values.faults === undefined ? null : values.faults.split(',').filter(name => name !== 'none'),
    workers: number('workers', 8, 1, 64),
    ratePerSecond: number('rate', 160, 1, 10_000),
    patienceMs: number('patience', 600, 50, 60_000),
    stored: number('stored', 0, 0, 100_000),
    out: values.out ?? null,
  }
  if (options.replicas > options.peers) wrong.push('--replicas is at most --peers')
  const why = wrong[0]
  return why === undefined ? { kind: 'run', options, json: values.json } : { kind: 'wrong', why }
}

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      minutes: text,
      peers: text,
      replicas: text,
      seed: text,
      faults: text,
      workers: text,
      rate: text,
      patience: text,
      stored: text,
      out: text,
      check: text,
      json: flag,
      help: flag,
    },
  })
