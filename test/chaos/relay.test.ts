// Goal: bytes between two peers come out as they went in, in order, unless their direction is cut or slowed; a process
// that knows only the real port goes through the relay. Method: echo servers behind a real relay on loopback.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fair } from '../../sim/chaos/network/line.ts'
import { Relay } from '../../sim/chaos/network/relay.ts'
import { relayVariable, wantedPort } from '../../sim/chaos/network/wanted-port.ts'

const deadlineMs = 10_000

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!holds()) {
    if (performance.now() > endMs) assert.fail(`not in time: ${what}`)
    await delay(5)
  }
}

/** Peer `b` echoes behind a relay; `dial` is what peer `a` does. */
async function newWorld(t: TestContext) {
  const heard: Buffer[] = []
  const callers: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    callers.push(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      heard.push(bytes)
      socket.write(bytes)
    })
    socket.on('end', () => socket.end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const relay = new Relay()
  const relayPort = await relay.admit('a')
  relay.place('b', port)
  const sockets: Socket[] = []
  const dial = () => {
    const socket = connect({ port: relayPort, host: '127.0.0.1', allowHalfOpen: true })
    const got: Buffer[] = []
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => got.push(bytes))
    socket.write(wantedPort(port))
    sockets.push(socket)
    return { socket, got: () => Buffer.concat(got) }
  }
  t.after(() => {
    relay.close()
    for (const socket of [...sockets, ...callers]) socket.destroy()
    server.close()
  })
  return { relay, relayPort, port, dial, heard: () => Buffer.concat(heard), callers }
}

test('many bytes come through unchanged, and the end of them does', async t => {
  const { relay, dial } = await newWorld(t)
  const { socket, got } = dial()
  const sent = randomBytes(3_000_000)
  socket.end(sent)
  await once(socket, 'end')
  assert.ok(got().equals(sent))
  assert.ok(relay.carriedBytes >= 2 * sent.length)
})

test('a cut direction holds what is sent, the other one goes on; after healing it comes in order', async t => {
  const { relay, dial, heard, callers } = await newWorld(t)
  const { socket, got } = dial()
  socket.write('one ')
  await until('the echo of one', () => got().toString() === 'one ')
  relay.change('a', 'b', { isCut: true })
  socket.write('two ')
  callers[0]!.write('from b ')
  await until('b is heard', () => got().toString() === 'one from b ')
  assert.equal(heard().toString(), 'one ')
  socket.write('three')
  relay.change('a', 'b', { isCut: false })
  await until('everything', () => got().toString() === 'one from b two three')
})

test('a cut way back holds the answers', async t => {
  const { relay, dial, heard } = await newWorld(t)
  const { socket, got } = dial()
  socket.write('one')
  await until('the echo', () => got().toString() === 'one')
  relay.change('b', 'a', { isCut: true })
  socket.write('two')
  await until('b hears', () => heard().toString() === 'onetwo')
  assert.equal(got().toString(), 'one')
  relay.heal()
  await until('the rest', () => got().toString() === 'onetwo')
})

test('a new connection waits for both directions; a peer that is not there refuses it', async t => {
  const { relay, relayPort, dial, callers } = await newWorld(t)
  relay.change('b', 'a', { isCut: true })
  const { socket, got } = dial()
  socket.write('hello')
  await once(socket, 'connect')
  assert.equal(callers.length, 0)
  relay.change('b', 'a', { isCut: false })
  await until('hello', () => got().toString() === 'hello')
  const lost = connect({ port: relayPort, host: '127.0.0.1' })
  const failed = once(lost, 'error')
  lost.write(wantedPort(1))
  await failed
})

test('a peer that dies behind a cut is noticed only when it is healed; a reset is noticed at once', async t => {
  const { relay, dial, callers } = await newWorld(t)
  const first = dial()
  first.socket.write('x')
  await until('the echo', () => first.got().length === 1)
  relay.change('b', 'a', { isCut: true })
  callers[0]!.destroy()
  await until('the relay saw it', () => callers[0]!.closed)
  assert.ok(!first.socket.closed)
  relay.heal()
  await until('it is noticed', () => first.socket.closed || first.socket.readableEnded)
  const second = dial()
  second.socket.write('x')
  await until('the echo', () => second.got().length === 1)
  relay.change('a', 'b', { isCut: true })
  relay.reset('b', 'a')
  await until('it is noticed', () => second.socket.closed)
})

test('a slow direction delivers all, in order, later', async t => {
  const { relay, dial, heard } = await newWorld(t)
  const { socket, got } = dial()
  relay.change('a', 'b', { delayMs: 60, bytesPerSecond: 400_000 })
  const sent = randomBytes(40_000)
  const startMs = performance.now()
  socket.write(sent)
  await until('everything', () => got().length === sent.length)
  assert.ok(got().equals(sent) && heard().equals(sent))
  assert.ok(performance.now() - startMs >= 150, 'no byte comes before its time')
  relay.change('a', 'b', fair)
})

test('a process with the redirection reaches the real port through the relay, by whatever call it connects', async t => {
  const { relayPort, port, relay } = await newWorld(t)
  const redirect = new URL('../../sim/chaos/network/redirect.ts', import.meta.url).href
  const script = `
    import net, { connect } from 'node:net'
    const talk = socket => new Promise(resolve => {
      let got = ''
      socket.setEncoding('utf8').on('data', text => { got += text; if (got.length === 2) { socket.end(); resolve(got) } })
      socket.write('h'); socket.write('i')
    })
    const all = [connect(${port}, '127.0.0.1'), net.connect({ port: ${port}, host: 'localhost' }),
      net.createConnection(${port}), new net.Socket().connect(${port}, '127.0.0.1')]
    console.log((await Promise.all(all.map(talk))).join())`
  const child = spawn(process.execPath, [`--import=${redirect}`, '--input-type=module', '-e', script], {
    env: { ...process.env, [relayVariable]: String(relayPort) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    out += text
  })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.equal(out, 'hi,hi,hi,hi\n')
  assert.equal(relay.carriedBytes, 16, 'four times two bytes, there and back')
})
