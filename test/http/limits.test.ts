// Goal: nothing that a client sends, or does not send, takes the door down or more than its share.
// Method: caps are set low and passed; raw sockets send slowly, wrongly or at random.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { openTestDoor, pathOf, put, token } from './open-door.ts'

const address = 'ucxl://any:any@notes:any/*^/a'

/** Sends raw bytes and returns what came back until the door hung up. */
async function sendRaw(url: string, bytes: string | Uint8Array, end = true): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', chunk => (answer += chunk))
  socket.on('error', () => undefined)
  socket.write(bytes)
  if (end) socket.end()
  await once(socket, 'close')
  return answer
}

test('requests beyond the cap are answered 429 with when to come back', async t => {
  const { ask, memory } = await openTestDoor(t, { requestsInFlightMax: 2 })
  const goOn = memory.holdWrites()
  const held = [ask(pathOf(`${address}1`), put({})), ask(pathOf(`${address}2`), put({}))]
  const refused = async (): Promise<Awaited<ReturnType<typeof ask>>> => {
    const answer = await ask('/v1/status')
    return answer.status === 429 ? answer : refused()
  }
  const { body, headers } = await refused()
  assert.equal(body.error.code, 'TOO_MANY')
  assert.equal(headers.get('retry-after'), '1')
  assert.equal((await ask('/health/live')).status, 200)
  goOn()
  for (const answer of await Promise.all(held)) assert.equal(answer.status, 200)
  assert.equal((await ask('/v1/status')).status, 200)
})

test('bodies beyond the memory for them are answered 429', async t => {
  const { ask, memory } = await openTestDoor(t, { bodyBytesInFlightMax: 50_000 })
  const goOn = memory.holdWrites()
  const context = put({ content: 'x'.repeat(40_000) })
  const first = ask(pathOf(`${address}1`), context)
  const second = ask(pathOf(`${address}2`), context)
  const refused = await Promise.race([first, second])
  assert.equal(refused.body.error.code, 'TOO_MANY')
  goOn()
  const statuses = (await Promise.all([first, second])).map(({ status }) => status)
  assert.deepEqual(statuses.sort(), [200, 429])
})

test('a port that is taken is no error: the next free one is used', async t => {
  const first = await openTestDoor(t)
  const taken = Number(new URL(first.door.url).port)
  const second = await openTestDoor(t, {}, taken)
  assert.notEqual(second.door.url, first.door.url)
  assert.equal((await second.ask('/health')).status, 200)
})

test('a body that trickles is cut off', async t => {
  const { door, memory } = await openTestDoor(t, { requestTimeoutMs: 200 })
  const head = `PUT ${pathOf(address)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 100\r\n\r\n{`
  const answer = await sendRaw(door.url, head, false)
  assert.match(answer, /^HTTP\/1.1 408 /)
  assert.match(answer, /REQUEST_TIMEOUT/)
  assert.equal(memory.versionsKept(), 0)
})

test('headers that trickle are cut off', async t => {
  const { door } = await openTestDoor(t, { headersTimeoutMs: 100 })
  assert.match(await sendRaw(door.url, 'GET /health HTTP/1.1\r\nhost:', false), /REQUEST_TIMEOUT/)
})

test('what is no HTTP is answered in the shape of every failure', async t => {
  const { door } = await openTestDoor(t)
  const answer = await sendRaw(door.url, 'hello\r\n\r\n')
  assert.match(answer, /^HTTP\/1.1 400 /)
  assert.equal(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').error.code, 'USAGE')
})

test('a body shorter than it says is refused', async t => {
  const { door, memory } = await openTestDoor(t)
  const head = `PUT ${pathOf(address)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 100\r\n\r\n{}`
  await sendRaw(door.url, head)
  assert.equal(memory.versionsKept(), 0)
})

test('random bytes never take the door down', async t => {
  const { door, ask } = await openTestDoor(t)
  const valid = `PUT ${pathOf(address)}?ttl=9 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 2\r\n\r\n{}`
  const mutated = fc
    .tuple(fc.nat(valid.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }))
    .map(([at, bytes]) =>
      Buffer.concat([Buffer.from(valid.slice(0, at)), bytes, Buffer.from(valid.slice(at + 1))]),
    )
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), async bytes => {
      await sendRaw(door.url, bytes)
    }),
    { numRuns: 80 },
  )
  assert.equal((await ask('/health')).body.status, 'ready')
})

test('a stopping door refuses new requests and finishes running ones', async t => {
  const { door, ask, memory } = await openTestDoor(t)
  const goOn = memory.holdWrites()
  const running = ask(pathOf(address), put({}))
  const inFlight = async (): Promise<void> => {
    const { text } = await ask('/metrics')
    if (!text.includes('slurp_http_requests_in_flight 2')) return inFlight()
  }
  await inFlight()
  const stopped = door.stop(5000)
  const refused = await ask('/v1/status')
  assert.equal(refused.body.error.code, 'SHUTTING_DOWN')
  assert.equal((await ask('/health')).body.status, 'stopping')
  goOn()
  assert.equal((await running).status, 200)
  await stopped
  await assert.rejects(ask('/health'))
})

test('metrics count by path pattern and never hold an address', async t => {
  const { ask } = await openTestDoor(t)
  await ask(pathOf(address), put({ summary: 'canary' }))
  await ask(pathOf(`${address}/none`))
  const { text, headers } = await ask('/metrics')
  assert.match(headers.get('content-type') ?? '', /^text\/plain/)
  assert.match(
    text,
    /slurp_http_request_duration_seconds_count\{method="PUT",route="\/v1\/contexts\/\{address\}",status="200"\} 1/,
  )
  assert.match(text, /slurp_peer_events_total\{event="fastWrite"\} 1/)
  assert.match(text, /slurp_clock_off_seconds\{peer="p3"\} -3600/)
  assert.ok(!text.includes('slurp_clock_off_seconds{peer="p4"}'), 'nobody told its clock')
  assert.match(text, /slurp_http_refused_total\{code="NOT_FOUND"\} 1/)
  assert.ok(!text.includes('notes') && !text.includes('canary'))
})
