// Goal: deep runs count what they did, their reports can be put together, and what breaks leaves its story behind.
// Method: sums against sums, and the command itself for a second or two, on the sources and on a mutant of them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { mutants } from '../../sim/mutants/mutants.ts'
import { plantTree } from '../../sim/mutants/tree.ts'
import { runSeed } from '../../sim/scenario.ts'
import { parseDeep } from '../../sim/seeds/deep-arguments.ts'
import {
  type DeepRun,
  decodeRun,
  encodeRun,
  mergeRuns,
  type Report,
  reportOf,
} from '../../sim/seeds/report.ts'
import { SeedSpans } from '../../sim/seeds/spans.ts'
import { markdownOf } from '../../sim/seeds/tables.ts'
import { Totals } from '../../sim/seeds/totals.ts'

const results = [1, 2, 3, 4, 5].map(seed => runSeed(seed, { operations: 15 }))
const broken = { ...results[4]!, violations: [{ invariant: 6, what: 'a | b', atMs: 1 } as const] }

function runOf(of: readonly (typeof results)[number][], seconds: number, source: string): DeepRun {
  const totals = new Totals()
  for (const result of of) totals.add(result)
  return { totals, seconds, sources: [source] }
}

test('parts put together are the whole', () => {
  const parts = [runOf([results[3]!, results[0]!], 2, 'a'), runOf([results[1]!, broken, results[2]!], 3, 'a')]
  const merged = reportOf(mergeRuns(parts))
  assert.deepEqual(merged, reportOf(runOf([...results.slice(0, 4), broken], 5, 'a')))
  assert.deepEqual([merged.seeds, merged.schedules, merged.spans], [5, 5, [[1, 5]]])
  assert.deepEqual(merged.broken, [{ seed: 5, invariant: 6, what: 'a | b' }])
  assert.equal(
    merged.frames,
    results.reduce((sum, { faults }) => sum + (faults.sent ?? 0), 0),
  )
  const mixed = mergeRuns([parts[0]!, runOf([broken], 1, 'b')])
  assert.deepEqual(reportOf(mixed).sources, ['a', 'b'])
  assert.throws(() => mergeRuns([parts[0]!, parts[0]!]), { code: 'USAGE', message: /Seed 1 is in two/ })
})

test('equal schedules count once, over files too', () => {
  const [first] = results
  const same = { ...first!, seed: 9 }
  const merged = mergeRuns([runOf([first!], 1, 'a'), runOf([same], 1, 'a')])
  assert.deepEqual([reportOf(merged).seeds, reportOf(merged).schedules], [2, 1])
})

test('a report is read back as it was written, and what is no report is refused', () => {
  const run = runOf([...results.slice(0, 4), broken], 5, 'a')
  const text = encodeRun(run)
  const back = decodeRun(text, 'file')
  assert.deepEqual(reportOf(back), reportOf(run))
  assert.deepEqual(back.totals.schedules, new Set([...run.totals.schedules].sort()))
  const report = JSON.parse(text) as Record<string, unknown>
  const wrong = [
    { seeds: -1 },
    { seeds: '5' },
    { spans: [[1]] },
    { faults: [] },
    { broken: [1] },
    { prints: 7 },
  ]
  for (const change of wrong)
    assert.throws(() => decodeRun(JSON.stringify({ ...report, ...change }), 'file'), { code: 'JSON_INVALID' })
  for (const bad of ['', 'null', '[]', '{}', text.slice(1)])
    assert.throws(() => decodeRun(bad, 'file'), SlurpError)
  assert.throws(() => decodeRun(JSON.stringify({ ...report, format: 2 }), 'file'), {
    code: 'FORMAT_UNKNOWN',
  })
})

test('spans are the seeds that were added', () => {
  const seeds = fc.array(fc.nat(30), { maxLength: 40 })
  fc.assert(
    fc.property(seeds, seeds, (some, others) => {
      const [one, two] = [some, others].map(list => {
        const spans = new SeedSpans()
        for (const seed of list) spans.add(seed)
        return spans
      }) as [SeedSpans, SeedSpans]
      const listed = one.list.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, at) => first + at),
      )
      assert.deepEqual(
        listed,
        [...new Set(some)].sort((a, b) => a - b),
      )
      const shared = some.filter(seed => others.includes(seed))
      assert.equal(one.firstShared(two), shared.length === 0 ? null : Math.min(...shared))
    }),
  )
})

test('the tables say what the report says', () => {
  const report = reportOf(runOf([...results.slice(0, 4), broken], 5, 'a'))
  const page = markdownOf(report)
  assert.match(page, /\| seeds \| 5 \|/)
  assert.match(
    page,
    /\| scenario \| seeds \| share \|\n\| --- \| --- \| --- \|\n\| steady \| \d \| \d+\.0 % \|/,
  )
  assert.match(page, /\| 5 \| 6 \| a \\\| b \|/)
  for (const [kind, { seeds, struck }] of Object.entries(report.faults))
    assert.ok(page.includes(`| \`${kind}\` | ${seeds} | ${struck.toLocaleString('en-US')} |`))
})

const project = fileURLToPath(new URL('../..', import.meta.url))

function deep(tree: string, ...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(tree, 'sim/seeds/deep.ts'), ...args])
    const told = { out: '', err: '' }
    child.stdout.on('data', chunk => (told.out += chunk))
    child.stderr.on('data', chunk => (told.err += chunk))
    child.on('error', reject)
    child.on('close', code => resolve({ code, ...told }))
  })
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'slurp-deep-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('the command runs until its time is over, and its reports add up', async t => {
  const dir = folder(t)
  const [one, two] = ['one.json', 'two.json'].map(name => join(dir, name)) as [string, string]
  const short = ['--minutes', '0.01', '--processes', '1']
  const first = await deep(project, ...short, '--json', '--report', one)
  assert.equal(first.code, 0, first.err)
  const report = JSON.parse(first.out) as Report
  assert.ok(report.seeds >= 1 && report.spans[0]?.[0] === 1_000_000)
  assert.equal(report.schedules, report.seeds)
  const second = await deep(project, ...short, '--from', '7', '--report', two)
  assert.match(second.out, /\(7(-\d+)?\) in .*different schedules.*every invariant held/s)
  const both = await deep(project, '--merge', one, two, '--markdown')
  const seeds = report.seeds + (JSON.parse(readFileSync(two, 'utf8')) as Report).seeds
  assert.match(both.out, new RegExp(`^\\| seeds \\| ${seeds} \\|$`, 'm'))
  const refused = await deep(project, '--merge', one, one)
  assert.deepEqual([refused.code, refused.out], [2, ''])
})

test('the command refuses what it cannot do before it begins', async t => {
  const file = join(folder(t), 'file')
  writeFileSync(file, 'text')
  const unclear = [
    [],
    ['--minutes', '0'],
    ['--minutes', 'soon'],
    ['--minutes', '1', '--from', '-1'],
    ['--minutes', '1', '--processes', '0'],
    ['--minutes', '1', 'more'],
    ['--minutes', '1', '--json', '--markdown'],
    ['--merge'],
    ['--merge', file, '--minutes', '1'],
  ]
  for (const args of unclear) assert.equal(parseDeep(args), null, args.join(' '))
  const wrong = [
    ['--unknown'],
    ['--merge', file],
    ['--merge', `${file}.not`],
    ['--minutes', '1', '--report', join(file, 'below')],
    ['--minutes', '1', '--out', file],
  ]
  for (const args of wrong) {
    const { code, out, err } = await deep(project, ...args)
    assert.deepEqual([code, out], [2, ''], args.join(' '))
    assert.doesNotMatch(err, / {4}at /, 'no trace of the stack')
  }
})

test('a seed that breaks leaves its story, and that of a smaller world, as text and as page', async t => {
  const tree = plantTree(mutants.find(({ name }) => name === 'a quorum of one')!)
  t.after(() => tree.remove())
  const dir = join(folder(t), 'out')
  const { code, out } = await deep(tree.path, '--minutes', '0.005', '--processes', '1', '--out', dir)
  assert.equal(code, 1)
  assert.match(out, /BROKEN: \d+ seeds/)
  const names = readdirSync(dir)
  for (const name of ['seed-1000000', 'seed-1000000-smaller']) {
    assert.ok(names.includes(`${name}.txt`) && names.includes(`${name}.html`))
    const text = readFileSync(join(dir, `${name}.txt`), 'utf8')
    assert.match(text, /again: npm run -s slurp -- sim run --seed/)
    assert.match(text, /BROKEN \d+: /)
    assert.match(readFileSync(join(dir, `${name}.html`), 'utf8'), /<title>Seed \d+: invariant \d+ broken/)
  }
})
