// Goal: POST /v1/batch answers every line, streams both ways with bounded memory, and says so when it ends
// early. Method: a real door on a peer in memory; writes are held back to see what waits.
import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import { test } from 'node:test'
import { openTestDoor, token } from './open-door.ts'

type Line = {
  type: string
  line: number
  address?: string
  stored?: number
  error?: { code: string }
}

const lines = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
const record = (path: string) => JSON.stringify({ project: 'notes', path, summary: 'x' })

test('every line is answered, at last the summary', async t => {
  const { ask, memory } = await openTestDoor(t)
  const body = [record('a'), '', '{"broken"', record('b'), '{"summary":"no path"}', record('a')].join('\r\n')
  const { status, text } = await ask('/v1/batch', { method: 'POST', body })
  assert.equal(status, 200)
  const answers = lines(text)
  assert.deepEqual(answers.at(-1), { type: 'summary', stored: 3, failed: 2 })
  const items = answers.slice(0, -1).sort((a, b) => a.line - b.line)
  assert.deepEqual(
    items.map(item => [item.line, item.error?.code ?? item.address]),
    [
      [1, 'ucxl://any:any@notes:any/*^/a'],
      [3, 'JSON_INVALID'],
      [4, 'ucxl://any:any@notes:any/*^/b'],
      [5, 'ADDRESS_INVALID'],
      [6, 'ucxl://any:any@notes:any/*^/a'],
    ],
  )
  assert.equal(memory.versionsKept(), 3)
})

test('a template and roles come with the query', async t => {
  const { ask } = await openTestDoor(t)
  const template = encodeURIComponent('ucxl://any:any@fixed:any/*^/x/{path}')
  const { text } = await ask(`/v1/batch?address=${template}&roles=architect&concurrency=1`, {
    method: 'POST',
    body: record('a'),
  })
  assert.equal(lines(text)[0]?.address, 'ucxl://any:any@fixed:any/*^/x/a')
  const refused = await ask('/v1/batch?address=nonsense', { method: 'POST', body: record('a') })
  assert.equal(refused.status, 400)
  assert.equal(refused.body.error.code, 'USAGE')
})

test('a body of nothing is a batch of nothing', async t => {
  const { ask } = await openTestDoor(t)
  const { text } = await ask('/v1/batch', { method: 'POST' })
  assert.deepEqual(lines(text), [{ type: 'summary', stored: 0, failed: 0 }])
})

test('answers come while lines are still being sent', async t => {
  const { door } = await openTestDoor(t)
  const asked = request(`${door.url}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  asked.write(`${record('a')}\n`)
  const response = await new Promise<IncomingMessage>(resolve => asked.once('response', resolve))
  const answers = response[Symbol.asyncIterator]()
  assert.equal(JSON.parse(String((await answers.next()).value)).line, 1)
  asked.end(record('b'))
  let rest = ''
  for (let next = await answers.next(); !next.done; next = await answers.next()) rest += next.value
  assert.deepEqual(lines(rest).at(-1), { type: 'summary', stored: 2, failed: 0 })
})

test('a client that sends without end is held back while nothing can be stored', async t => {
  const { door, memory } = await openTestDoor(t)
  const goOn = memory.holdWrites()
  const asked = request(`${door.url}/v1/batch?concurrency=2`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  asked.on('error', () => undefined)
  const line = `${JSON.stringify({ project: 'notes', path: 'a', content: 'x'.repeat(30_000) })}\n`
  let sent = 0
  const sentMax = 64 * 1024 * 1024
  const full = async (): Promise<boolean> => {
    while (sent < sentMax) {
      sent += line.length
      if (asked.write(line)) continue
      const drained = await Promise.race([
        new Promise<boolean>(resolve => asked.once('drain', () => resolve(true))),
        new Promise<boolean>(resolve => setTimeout(resolve, 500, false)),
      ])
      if (!drained) return true
    }
    return false
  }
  assert.ok(await full(), 'the door stopped reading')
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`)
  goOn()
  asked.destroy()
})

test('a stopping peer finishes what it began and says that the rest was not', async t => {
  const { door, memory } = await openTestDoor(t)
  const asked = request(`${door.url}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  asked.on('error', () => undefined)
  asked.write(`${record('a')}\n${record('unfinished').slice(0, 20)}`)
  const response = await new Promise<IncomingMessage>(resolve => asked.once('response', resolve))
  const text = (async () => {
    let all = ''
    for await (const chunk of response) all += chunk
    return all
  })()
  await door.stop(5000)
  const answers = lines(await text)
  assert.equal(answers[0]?.line, 1)
  assert.deepEqual([answers.at(-1)?.type, answers.at(-1)?.error?.code], ['aborted', 'SHUTTING_DOWN'])
  assert.equal(memory.versionsKept(), 1)
})
