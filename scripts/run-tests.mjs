// Runs the test files of some folders, what takes long first: `node --test` goes by the alphabet, and at the end one file
// may run alone for minutes. `node run-tests.mjs FILES-AT-ONCE FOLDERS`, on the pinned Node.
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const tests = fileURLToPath(new URL('../test', import.meta.url))

/** What takes twenty seconds and more, longest first. The order is all that this decides. */
const long = [
  'e2e/chaos',
  'e2e/demo',
  'e2e/fleet-change',
  'e2e/import',
  'e2e/agents',
  'e2e/rotation',
  'sim/mutants',
  'sim/seeds',
  'keys/reseal',
  'keys/release',
  'keys/membership',
  'keys/migration',
  'sim/crash-points',
]

const [atOnce, folders] = process.argv.slice(2)
const first = long.map(name => join(tests, `${name}.test.ts`))
const gone = first.filter(path => !existsSync(path))
if (gone.length > 0) throw new Error(`no such test: ${gone.join(', ')}`)
const found = new Set(globSync(join(tests, folders, '**', '*.test.ts')).sort())
if (found.size === 0) throw new Error(`no test in ${folders}`)
const files = [...first.filter(path => found.delete(path)), ...found]

// Who ends this process ends the files that run as well.
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ending.abort())

const stream = run({ files, concurrency: Number(atOnce), signal: ending.signal })
stream.on('test:fail', () => {
  process.exitCode = 1
})
stream.compose(spec).pipe(process.stdout)
