// Goal: rules of retention are set, previewed, listed and taken away from the command line, in its words and as JSON.
// Method: the command line in this process against rules in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench } from './run-command.ts'

test('rules are set and listed; --json prints what the door answers', async t => {
  const { slurp } = await openBench(t)
  assert.match((await slurp(['retention', 'ls'])).out, /^project +keeps\n\(default\) +everything\n$/)
  const set = await slurp(['retention', 'set', 'shop', '--versions', '20', '--age', '90d'])
  assert.match(set.out, /^shop +20 versions, and what stood within 90d$/m)
  assert.match(set.out, /`slurp duty run history-retention`/)
  await slurp(['retention', 'set', '--default', '--age', '36h'])
  await slurp(['retention', 'set', 'archive', '--all'])
  const { json } = await slurp(['retention', 'ls', '--json'])
  assert.deepEqual(json as unknown, {
    default: { versions: null, ageSeconds: 129_600 },
    projects: [
      { project: 'archive', versions: null, ageSeconds: null },
      { project: 'shop', versions: 20, ageSeconds: 7_776_000 },
    ],
  })
  const list = (await slurp(['retention', 'ls'])).out
  assert.match(list, /^archive +everything$/m)
  assert.match(list, /^\(default\) +what stood within 36h$/m)
  await slurp(['retention', 'unset', 'shop'])
  assert.ok(!(await slurp(['retention', 'ls'])).out.includes('shop'))
})

test('a dry run says how much would go and how much the peer can see, and sets nothing', async t => {
  const { slurp } = await openBench(t)
  const { out } = await slurp(['retention', 'set', 'shop', '--versions', '7', '--dry-run'])
  assert.match(out, /^would trim 7 versions of 2 contexts$/m)
  assert.match(out, /12 of 16 partitions/)
  assert.match(out, /cannot tell the project of 1 contexts/)
  const { json } = await slurp(['retention', 'unset', '--default', '--dry-run', '--json'])
  assert.deepEqual([json.dryRun, (json as { rule?: unknown }).rule], [true, null])
  assert.ok(!(await slurp(['retention', 'ls'])).out.includes('shop'))
})

const wrong: readonly (readonly string[])[] = [
  ['set', 'shop'],
  ['set', '--versions', '3'],
  ['set', 'shop', '--default', '--versions', '3'],
  ['set', 'shop', '--versions', '0'],
  ['set', 'shop', '--versions', '3', '--all'],
  ['set', 'shop', '--age', '90'],
  ['set', 'shop', '--age', '0d'],
  ['set', 'shop', '--age', '101y'],
  ['unset'],
]

test('what cannot be meant is exit code 2, with a hint', async t => {
  const { slurp } = await openBench(t)
  for (const args of wrong) {
    const { code, json } = await slurp(['retention', ...args, '--json'])
    assert.deepEqual([code, json.error.code], [2, 'USAGE'], args.join(' '))
    assert.match(json.error.hint, /slurp retention/, args.join(' '))
  }
})
