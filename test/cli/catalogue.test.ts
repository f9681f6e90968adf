// Goal: resolve, diff, ls, tree, decisions and stale print with --json what the HTTP paths answer, for people what they can
// read, and end with 3 where an answer is partial. Method: the command line in this process against a real door on a peer in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathOf } from '../http/open-door.ts'
import { type Bench, openBench } from './run-command.ts'

const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`

async function filled(bench: Bench): Promise<void> {
  const put = (path: string, ...fields: string[]) =>
    bench.slurp(['put', at(path), ...fields.flatMap(field => ['--field', field])])
  await put('', 'summary=the shop', 'tags=shop')
  await put('src/old', 'decision.status=withdrawn', 'decision.reason=too slow')
  await put('src/new', 'tags=fast', 'summary=one two', 'decision.follows=src/old')
  await put('src/new', 'tags=faster', 'summary=one three', 'content=a\nb\n', 'decision.follows=src/old')
}

test('with --json each prints what HTTP answers', async t => {
  const bench = await openBench(t)
  await filled(bench)
  const { slurp, ask } = bench
  const pairs: [string[], string][] = [
    [['resolve', at('src/new')], `${pathOf(at('src/new'))}/resolve`],
    [['resolve', at('src/new'), '--explain', '--cached'], `${pathOf(at('src/new'))}/resolve?explain=1`],
    [['diff', at('src/new')], `${pathOf(at('src/new'))}/diff`],
    [
      ['diff', at('src/new'), at('src/old')],
      `${pathOf(at('src/new'))}/diff?to=${encodeURIComponent(at('src/old'))}`,
    ],
    [['ls'], '/v1/contexts'],
    [['ls', 'shop/src', '--limit', '1'], '/v1/contexts?prefix=shop%2Fsrc&limit=1'],
    [['tree', 'shop', '--depth', '1', '--role', 'developer'], '/v1/tree?prefix=shop&depth=1'],
    [['decisions', at('src/new'), '--hops', '2'], `${pathOf(at('src/new'))}/decisions?hops=2`],
    [['stale', 'shop'], '/v1/stale?prefix=shop'],
  ]
  for (const [words, path] of pairs) {
    const { code, out, err } = await slurp([...words, '--json'])
    assert.deepEqual(
      [code, err, JSON.parse(out)],
      [0, '', JSON.parse((await ask(path)).text)],
      words.join(' '),
    )
  }
})

test('for people there are tables, trees and marked words', async t => {
  const bench = await openBench(t)
  await filled(bench)
  const { slurp } = bench
  const resolved = (await slurp(['resolve', at('src/new'), '--explain'])).out
  assert.match(resolved, /tags +shop, faster\n/)
  assert.match(resolved, /each field comes from\n(?:.*\n)* {2}tags +\S+\/\*\^\/, \S+src\/new/)
  const { out: diff } = await slurp(['diff', at('src/new')])
  assert.match(diff, /summary\n {2}one \[-two-\]\{\+three\+\}\n/)
  assert.match(diff, /tags\n {2}- fast\n {2}\+ faster\n?/)
  assert.match(diff, /content\n {2}\+ a\n/)
  assert.match((await slurp(['diff', at('src/new'), '*^'])).out, /they say the same/)
  assert.match((await slurp(['ls', 'shop'])).out, /^address .*\nucxl:.*\n(?:.*\n)+3 contexts\n$/)
  const page = (await slurp(['ls', '--limit', '1'])).out
  const cursor = /more: --cursor (\S+)/.exec(page)?.[1]
  assert.match((await slurp(['ls', '--cursor', String(cursor)])).out, /src\/new/)
  assert.match((await slurp(['tree'])).out, /^shop +3\n {2}src +2\n3 contexts\n$/)
  const graph = (await slurp(['decisions', at('src/new')])).out
  assert.match(graph, /what led here\n {2}1 +\S+src\/old +withdrawn +too slow\n/)
  assert.match(graph, /src\/new +follows +\S+src\/old/)
  assert.match(
    (await slurp(['stale'])).out,
    /src\/new\n {2}follows \S+src\/old, withdrawn\n1 context is stale\n/,
  )
})

test('a partial answer ends with 3 and says what is missing, on stderr only', async t => {
  const bench = await openBench(t)
  await filled(bench)
  Object.assign(bench.memory.coverage, { partitions: 12, partitionsHere: 12 })
  for (const words of [['ls'], ['tree'], ['stale'], ['decisions', at('src/new')]]) {
    const { code, err, out } = await bench.slurp([...words, '--json'])
    assert.equal(code, 3, words.join(' '))
    assert.match(err, /12 of 16 partitions; other peers/)
    assert.equal(JSON.parse(out).coverage.partitions, 12)
  }
  assert.equal((await bench.slurp(['resolve', at('src/new')])).code, 0)
  bench.memory.coverage.partitionsHere = 16
  assert.match((await bench.slurp(['ls'])).err, /12 of 16 partitions; it is not through/)
})

test('misuse has exit code 2 and a hint', async t => {
  const { slurp } = await openBench(t)
  for (const words of [
    ['resolve', 'nowhere'],
    ['resolve', at(Array.from({ length: 33 }, () => 'd').join('/'))],
    ['resolve'],
    ['diff', at('a'), 'yesterday'],
    ['ls', 'a//b'],
    ['ls', '--limit', '0'],
    ['tree', '--depth', 'x'],
    ['decisions', at('a'), '--hops', '17'],
    ['decisions', at('a'), '--direction', 'up'],
    ['stale', '--cursor', 'x'],
  ]) {
    const { code, json } = await slurp([...words, '--json'])
    assert.equal(code, 2, words.join(' '))
    assert.ok(json.error.hint)
  }
  assert.equal((await slurp(['resolve', at('a')])).code, 4)
})
