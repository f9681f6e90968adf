// Goal: the commands on contexts do what the HTTP paths do, print the same objects, and end with the exit codes
// of DESIGN section 7. Method: the command line in this process against a real door on a peer in memory.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathOf } from '../http/open-door.ts'
import { openBench, runHere } from './run-command.ts'

const address = 'ucxl://any:any@notes:any/*^/a'

test('put, get, history and rm print what HTTP answers', async t => {
  const { slurp, ask } = await openBench(t)
  const stored = await slurp(['put', address, '--field', 'summary=one', '--roles', 'architect', '--json'])
  assert.equal(stored.code, 0)
  const read = await slurp(['get', address, '--json'])
  assert.deepEqual(read.json, (await ask(pathOf(address))).body)
  assert.equal(read.json.version, stored.json.version)
  const listed = await slurp(['--json', 'history', address, '--limit', '3'])
  assert.deepEqual(listed.json, (await ask(`${pathOf(address)}/history`)).body)
  const gone = await slurp(['rm', address, '--if-version', stored.json.version, '--json'])
  assert.equal(gone.code, 0)
  const absent = await slurp(['get', address, '--json'])
  assert.equal(absent.code, 4)
  assert.equal(absent.json.error.code, 'NOT_FOUND')
  assert.equal(absent.err, '')
})

test('without --json results are for people and errors go to stderr', async t => {
  const { slurp } = await openBench(t)
  const stored = await slurp(['put', address, '--field', 'summary=one', '--field', 'content=long text'])
  assert.match(stored.out, /^stored ucxl:/)
  const read = await slurp(['get', address])
  assert.match(read.out, /summary +one/)
  assert.match(read.out, /\nlong text\n$/)
  assert.match((await slurp(['history', address])).out, /architect, developer/)
  const { out } = await slurp(['status'])
  assert.match(out, /p1 is ready/)
  assert.match(out, /! The clock of p3 is 3600\.0 s behind the fleet's/)
  assert.doesNotMatch(out, /clock of p[124]/)
  assert.match((await slurp(['ring', 'show'])).out, /epoch 1/)
  assert.match((await slurp(['rm', address])).out, /^deleted ucxl:/)
  const absent = await slurp(['get', address])
  assert.equal(absent.out, '')
  assert.match(absent.err, /^slurp: Nothing is at this address\.\n {2}\S/)
})

test('a context comes from a file, from standard input, and from fields over them', async t => {
  const { slurp, dir } = await openBench(t)
  const file = join(dir, 'context.json')
  writeFileSync(file, JSON.stringify({ summary: 'from the file', tags: ['a'] }))
  const given = async (args: string[], input?: string) => {
    const stored = await slurp(['put', address, '--json', ...args], input === undefined ? {} : { input })
    assert.equal(stored.code, 0, stored.out)
    return (await slurp(['get', address, '--json'])).json.context
  }
  assert.deepEqual(await given(['--file', file]), { summary: 'from the file', tags: ['a'] })
  assert.deepEqual(await given([], '{"summary":"piped"}'), { summary: 'piped' })
  assert.deepEqual(await given(['--file', '-'], '{"summary":"piped"}'), { summary: 'piped' })
  const fields = [
    'tags=b,c',
    'insights=one, two',
    'decision.reason=why = not',
    'metadata.size:=12',
    'overridesParent=true',
  ]
  assert.deepEqual(await given(['--file', file, ...fields.flatMap(field => ['--field', field])]), {
    summary: 'from the file',
    tags: ['a', 'b', 'c'],
    insights: ['one, two'],
    decision: { reason: 'why = not' },
    metadata: { size: 12 },
    overridesParent: true,
  })
})

test('two writers with one expected version: the second gets exit 5 and the current version', async t => {
  const { slurp } = await openBench(t)
  const put = (field: string) => slurp(['put', address, '--field', field, '--if-version', 'none', '--json'])
  const first = await put('summary=one')
  const second = await put('summary=two')
  assert.deepEqual([first.code, second.code], [0, 5])
  assert.deepEqual(second.json.current, { version: first.json.version })
})

test('--dry-run says what would happen and changes nothing', async t => {
  const { slurp, memory } = await openBench(t)
  const planned = await slurp(['put', address, '--field', 'summary=one', '--dry-run', '--json'])
  assert.deepEqual([planned.code, planned.json.dryRun, planned.json.fields], [0, true, ['summary']])
  assert.equal((await slurp(['put', address, '--field', 'tags:=1', '--dry-run'])).code, 2)
  assert.equal(
    (await slurp(['put', address, '--field', 'summary=x', '--roles', 'wizard', '--dry-run'])).code,
    2,
  )
  assert.equal(memory.versionsKept(), 0)
  await slurp(['put', address, '--field', 'summary=one'])
  assert.match((await slurp(['rm', address, '--dry-run'])).out, /^would delete/)
  assert.equal(memory.versionsKept(), 1)
})

const misuses: { name: string; args: string[]; code: number; error: string }[] = [
  { name: 'an unknown command', args: ['putt'], code: 2, error: 'USAGE' },
  { name: 'an unknown option', args: ['get', address, '--colour'], code: 2, error: 'USAGE' },
  { name: 'a missing address', args: ['get'], code: 2, error: 'USAGE' },
  { name: 'one word too many', args: ['get', address, 'more'], code: 2, error: 'USAGE' },
  { name: 'a missing subcommand', args: ['batch'], code: 2, error: 'USAGE' },
  { name: 'a malformed address', args: ['get', 'nonsense'], code: 2, error: 'ADDRESS_INVALID' },
  {
    name: 'an unknown role',
    args: ['put', address, '--field', 'summary=x', '--roles', 'wizard'],
    code: 2,
    error: 'ROLE_UNKNOWN',
  },
  { name: 'nothing to put', args: ['put', address], code: 2, error: 'USAGE' },
  {
    name: 'a file that is not there',
    args: ['put', address, '--file', 'nowhere.json'],
    code: 2,
    error: 'USAGE',
  },
  { name: 'a field without a value', args: ['put', address, '--field', 'summary'], code: 2, error: 'USAGE' },
  {
    name: 'a field of the wrong kind',
    args: ['put', address, '--field', 'tags:=1'],
    code: 2,
    error: 'CONTEXT_INVALID',
  },
  {
    name: 'a ttl that is no number',
    args: ['put', address, '--field', 'summary=x', '--ttl', 'soon'],
    code: 2,
    error: 'USAGE',
  },
  {
    name: 'an oversized context',
    args: ['put', address, '--field', `content=${'x'.repeat(200_000)}`],
    code: 2,
    error: 'TOO_LARGE',
  },
  { name: 'a malformed URL', args: ['status', '--url', 'nowhere'], code: 2, error: 'USAGE' },
  {
    name: 'a token file that is not there',
    args: ['status', '--token-file', 'nowhere'],
    code: 2,
    error: 'CONFIG_INVALID',
  },
  {
    name: 'a door where nothing listens',
    args: ['status', '--url', 'http://127.0.0.1:1'],
    code: 7,
    error: 'UNREACHABLE',
  },
]

for (const { name, args, code, error } of misuses) {
  test(`${name} ends with exit ${code} and one sentence`, async t => {
    const { slurp, memory } = await openBench(t)
    const told = await slurp([...args, '--json'])
    assert.equal(told.json.error.code, error)
    assert.equal(told.code, code)
    assert.match(told.json.error.message, /^[A-Z].*[.?)]$/s)
    assert.equal(told.err.includes('    at '), false)
    const shown = await slurp(args)
    assert.equal(shown.code, code)
    assert.equal(shown.out, '')
    assert.equal(memory.versionsKept(), 0)
  })
}

test('a wrong token is exit 6', async t => {
  const { slurp, dir } = await openBench(t)
  const file = join(dir, 'wrong')
  writeFileSync(file, 'wrong')
  const { code, json } = await slurp(['status', '--token-file', file, '--json'])
  assert.deepEqual([code, json.error.code], [6, 'TOKEN_WRONG'])
})

test('without a fleet the command says how to start one', async t => {
  const { dir } = await openBench(t)
  const { code, err } = await runHere(['status'], { environment: { XDG_STATE_HOME: dir } })
  assert.equal(code, 7)
  assert.match(err, /slurp demo/)
})
