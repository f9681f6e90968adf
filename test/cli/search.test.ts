// Goal: `slurp search` and `slurp index` send what is typed, show what is answered, and end with the code of the contract.
// Method: the command line in this process, a real door on a peer in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench } from './run-command.ts'

test('words and options are one question', async t => {
  const {
    slurp,
    memory: { search },
  } = await openBench(t)
  const run = (...args: string[]) => slurp(['search', ...args])
  const shown = await run('token', 'expiry', '--project', 'shop,bank', '--under', 'src', '--limit', '3')
  assert.equal(shown.code, 0, shown.err)
  assert.match(
    shown.out,
    /^ucxl:\/\/any:any@shop:any\/\*\^\/src\/token {2}1\.25\n.*\n {2}the token expires\n\n1 context\n$/,
  )
  assert.deepEqual(search.asked, {
    query: 'token expiry',
    filters: { project: ['shop', 'bank'], pathPrefix: 'src' },
    limit: 3,
  })
  const json = await run('--tags', 'a', '--as-of', '2026-01-01', '--json', '--', 'x', '-y')
  assert.equal(JSON.parse(json.out).coverage, 1)
  assert.deepEqual(search.asked, { query: 'x -y', filters: { tags: ['a'] }, asOfMs: Date.UTC(2026, 0, 1) })
})

test('an answer that is not of the whole fleet says so and ends with 3', async t => {
  const {
    slurp,
    memory: { search },
  } = await openBench(t)
  search.coverage = {
    coverage: 0.5,
    missing: [
      {
        partitions: 8,
        peers: [
          { name: 'p2', why: 'unreachable' },
          { name: 'p3', why: 'blind' },
        ],
      },
    ],
  }
  const { code, err } = await slurp(['search', 'token'])
  assert.equal(code, 3)
  assert.equal(
    err,
    'partial: nothing is told of 8 partitions: p2 cannot be reached, p3 holds not all of these roles\n',
  )
})

test('what cannot be read ends with 2 and names the place', async t => {
  const { slurp } = await openBench(t)
  const { code, out } = await slurp(['search', '(a OR "b', '--json'])
  assert.equal(code, 2)
  const { error } = JSON.parse(out)
  assert.deepEqual([error.code, /Character 7/.test(error.message)], ['QUERY_INVALID', true])
  assert.equal((await slurp(['search', 'a', '--sort', 'colour'])).code, 2)
})

test('the index is shown and looked after', async t => {
  const { slurp } = await openBench(t)
  const run = (...args: string[]) => slurp(['index', ...args])
  assert.match((await run('ls')).out, /main {3}developer {2}1 .*\nfollowing\n$/)
  assert.match((await run('stats')).out, /behind: 0 changes, 0\.0 s\n/)
  assert.match((await run('optimize')).out, /^following: 1 contexts/)
  assert.equal((await run('rebuild', 'x', '--json')).code, 4)
  assert.equal((await run('verify')).out, '3 pieces are whole\n')
})
