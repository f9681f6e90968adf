// Goal: the houses of docs/ARCHITECTURE.md stand: who imports whom, what pure folders may name, how files are
// named and how long they are. Method: guards over the text of every file, and each guard over a bad one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  barrels,
  type Guard,
  linesMax,
  longFiles,
  looseTypes,
  machinePaths,
  postponedWork,
  pureNames,
  vagueNames,
} from './guards.ts'
import { houseOf, importViolations, readMatrix } from './matrix.ts'
import { codeOf, projectFiles, readProjectFile, sourceFrom } from './source.ts'

const houses = readMatrix(readProjectFile('docs/ARCHITECTURE.md'))
const paths = projectFiles()
const sources = paths
  .filter(path => /\.(ts|mjs)$/.test(path))
  .map(path => sourceFrom(path, readProjectFile(path)))
const texts = paths
  .filter(path => /\.(ts|mjs|js|md|json|ndjson|yml|yaml)$/.test(path) || path === '.ci/run')
  .map(path => ({ path, text: readProjectFile(path), code: '', imports: [] }))
const isPure = (path: string) => houseOf(path, houses)?.pure === true

test('the table of houses is read as it is meant', () => {
  const byName = new Map(houses.map(house => [house.name, house]))
  assert.deepEqual(
    houses.filter(({ pure }) => pure).map(({ name }) => name),
    ['base', 'dht', 'replication', 'election', 'node/peer'],
  )
  assert.equal(byName.get('base')?.mayImport.size, 0)
  assert.ok(byName.get('node/http')?.mayImport.has('node/store'))
  assert.ok(byName.get('node/cli')?.mayImport.has('node/status.ts'))
  assert.ok(byName.get('node')?.mayImport.has('*'))
  for (const house of houses.filter(({ pure }) => pure)) assert.ok(!house.packages && !house.builtIns)
  assert.ok(sources.length > 50, 'the sources are found')
})

test('every file imports only what its house may import', () => {
  assert.deepEqual(
    sources.flatMap(source => importViolations(source, houses)),
    [],
  )
})

const everywhere: [string, Guard][] = [
  ['names say what a file holds', vagueNames],
  ['files stay short', longFiles],
  ['no file exports all of another', barrels],
  ['no type is any', looseTypes],
  ['no work is postponed in a comment', postponedWork],
]
for (const [what, guard] of everywhere) {
  test(what, () => assert.deepEqual(sources.flatMap(guard), []))
}

test('pure folders name no clock, no chance, no input and output, and no promise', () => {
  assert.deepEqual(sources.filter(({ path }) => isPure(path)).flatMap(pureNames), [])
})

test('no text names a path of a machine', () => {
  assert.deepEqual(texts.flatMap(machinePaths), [])
})

test('all tests are run by npm test', () => {
  const stages = readProjectFile('scripts/run.mjs')
  const folders = paths.filter(path => /^test\/.*\.test\.ts$/.test(path)).map(path => path.split('/')[1]!)
  const missing = [...new Set(folders)].filter(folder => !new RegExp(`[{,']${folder}[},']`).test(stages))
  assert.deepEqual(missing, [])
})

const badImports: [string, string][] = [
  ['dht/x.ts', "import { a } from '../replication/messages.ts'"],
  ['dht/x.ts', "import type { View } from '../node/store/api.ts'"],
  ['dht/x.ts', "export { a } from '../crypto/sealing.ts'"],
  ['dht/x.ts', "type A = import('../replication/messages.ts').Value"],
  ['dht/x.ts', "import { hash } from 'node:crypto'"],
  ['dht/x.ts', "import type { Stats } from 'node:fs'"],
  ['dht/x.ts', "import 'lru-cache'"],
  ['dht/x.ts', "import { assert } from '../base/assert'"],
  ['dht/x.ts', "import { mean } from '../test/dht/fleets.ts'"],
  ['dht/x.ts', 'import { a } from "../replication/messages.ts"'],
  ['dht/x.ts', "import {\n  a,\n  b,\n} from '../replication/messages.ts'"],
  ['base/x.ts', "import { b } from '../dht/view.ts'"],
  ['node/peer/x.ts', "import { Disk } from '../ports/ports.ts'"],
  ['node/store/x.ts', "const peer = await import('../peer/peer.ts')"],
  ['node/http/x.ts', "import { start } from '../process.ts'"],
  ['node/cli/x.ts', "import { open } from '../adapters/level-disk/open-level-disk.ts'"],
  ['sim/x.ts', "import { door } from '../node/http/door.ts'"],
  ['replication/x.ts', "import { owners } from '../dht/view.ts'"],
  ['tools/x.ts', ''],
]

test('the import guard catches every kind of import and every wrong direction', () => {
  for (const [path, text] of badImports) {
    assert.equal(importViolations(sourceFrom(path, text), houses).length, 1, `${path}: ${text}`)
  }
  const allowed = "import { assert } from '../base/assert.ts'\nimport type { View } from './view.ts'"
  assert.deepEqual(importViolations(sourceFrom('dht/x.ts', allowed), houses), [])
  const commented = "// import { a } from '../replication/messages.ts'\nconst text = \"from 'node:fs'\""
  assert.deepEqual(importViolations(sourceFrom('dht/x.ts', commented), houses), [])
})

test('where only types are allowed, a value is caught', () => {
  const table = '| `a/` | no | first | `b` (types) |\n| `b/` | no | second | nothing |'
  const [typed, untyped] = ["import type { T } from '../b/t.ts'", "import { t } from '../b/t.ts'"].map(text =>
    importViolations(sourceFrom('a/x.ts', text), readMatrix(table)),
  )
  assert.deepEqual(typed, [])
  assert.equal(untyped?.length, 1)
})

const badTexts: [Guard, string[]][] = [
  [
    pureNames,
    [
      'Date.now()',
      'new Date()',
      'Math.random()',
      'setTimeout(go, 1)',
      'setInterval(go, 1)',
      'await go()',
      'async () => 1',
      'process.exit()',
      'Buffer.from(x)',
      "fetch('x')",
      'performance.now()',
      'let a: Promise<void>',
      'console.log(1)',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a template is what is looked into
      'const a = `at ${Date.now()}`',
    ],
  ],
  [barrels, ["export * from './a.ts'", "export * as all from './a.ts'"]],
  [
    looseTypes,
    [
      'let a: any',
      'a as any',
      'new Map<string, any>()',
      'let a: any[]',
      'function f(a: any) {}',
      'type A = B | any',
    ],
  ],
  [postponedWork, [`// ${'TO'}DO later`, `/* ${'FIX'}ME */`]],
  [machinePaths, [`see ${'/'}work/main`, `'${'/'}tmp/x'`, `in ${'/'}home/me`, `at .${'lib'}rary`]],
  [longFiles, ['\n'.repeat(linesMax + 1)]],
]

test('every guard over texts can fail', () => {
  for (const [guard, snippets] of badTexts) {
    for (const text of snippets) {
      assert.notDeepEqual(guard(sourceFrom('dht/x.ts', text)), [], `${guard.name}: ${text}`)
    }
  }
  for (const path of ['dht/utils/a.ts', 'node/helpers.ts', 'common.ts', 'sim/misc.test.ts']) {
    assert.equal(vagueNames(sourceFrom(path, '')).length, 1, path)
  }
})

test('guards look at code, not at comments and strings', () => {
  const text =
    "// await a Date\n/* Promise\n console */ const word = 'process', more = /fetch[/]Buffer/.test(word)\n"
  assert.deepEqual(pureNames(sourceFrom('dht/x.ts', text)), [])
  assert.equal(codeOf(text).length, text.length)
  assert.match(codeOf("const a = b / c / d // '\nconst e = 'f'"), /const a = b \/ c \/ d +\nconst e = ' '/)
})
