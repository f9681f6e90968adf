// npm run fuzz: mutated inputs for every decoder of outside bytes. Exit code 1 when one of them did what it may not.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { allTargets } from './all-targets.ts'
import { runTarget } from './run-target.ts'
import type { Finding, Outcome } from './worker.ts'

const usage = `npm run fuzz -- --minutes M | --inputs N [--only NAME] [--seed S] [--input FILE] [--out DIR]
  --minutes M   for how long, all targets together
  --inputs N    how many, all targets together
  --only NAME   of one target alone
  --seed S      other inputs; 1 when absent
  --input FILE  this one alone, which a run wrote down as a finding; needs --only
  --out DIR     for findings; fuzz-findings when absent`
const all = await allTargets()
const refuse = (why: string): never => {
  const names = all.map(({ name }) => `"${name}"`).join(', ')
  console.error(`${why}\n${usage}\nNames: ${names}`)
  process.exit(2)
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string' },
        inputs: { type: 'string' },
        only: { type: 'string' },
        seed: { type: 'string', default: '1' },
        input: { type: 'string' },
        out: { type: 'string', default: 'fuzz-findings' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (failure) {
    return refuse((failure as Error).message)
  }
}

const values = readOptions()
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const targets = all.filter(({ name }) => values.only === undefined || name === values.only)
const number = (text: string | undefined): number =>
  text === undefined ? Number.POSITIVE_INFINITY : Number(text)
const [minutes, inputs, seed] = [number(values.minutes), number(values.inputs), number(values.seed)]
const isOne = values.input !== undefined
if (targets.length === 0) refuse(`There is no target "${values.only}".`)
if (![minutes, inputs, seed].every(each => each > 0)) refuse('Numbers are greater than 0.')
if (!isOne && minutes === inputs) refuse('It needs --minutes or --inputs.')

/** Writes the input, and says how to run it again. */
function report(name: string, { kind, what, input }: Finding): void {
  const file = join(
    values.out,
    `${name.replaceAll(/\W/g, '-')}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`,
  )
  mkdirSync(values.out, { recursive: true })
  writeFileSync(file, input)
  console.error(
    `! ${name} ${kind}: ${what}\n  ${input.length} bytes; again: npm run fuzz -- --only "${name}" --input ${file}`,
  )
}

const weights = targets.reduce((sum, { weight }) => sum + weight, 0)
const rows: string[] = []
let total = 0
let found = 0
for (const { name, weight } of targets) {
  const share = weight / weights
  const outcome: Outcome = await runTarget({
    target: name,
    seed,
    ...(values.input === undefined
      ? { inputs: Math.ceil(inputs * share), forMs: minutes * 60_000 * share }
      : { inputs: 1, forMs: 60_000, only: readFileSync(values.input) }),
  })
  total += outcome.inputs
  found += outcome.findings.length
  for (const finding of outcome.findings) report(name, finding)
  const perSecond = Math.round((outcome.inputs / outcome.ms) * 1_000)
  const percent = ((100 * outcome.taken) / Math.max(1, outcome.inputs)).toFixed(1)
  rows.push(`| ${name} | ${outcome.inputs} | ${percent} % | ${perSecond} | ${outcome.findings.length} |`)
  console.error(
    `${name}: ${outcome.inputs} inputs, ${percent} % taken, ${perSecond} a second, ${outcome.findings.length} findings`,
  )
}
console.log(
  ['| decoder | inputs | taken | a second | findings |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  ),
)
console.log(`\n${total} inputs over ${targets.length} decoders, seed ${seed}: ${found} findings`)
process.exitCode = found === 0 ? 0 : 1
