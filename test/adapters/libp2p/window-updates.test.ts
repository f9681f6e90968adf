// Goal: a reader tells its writer of free window rarely, and the writer is never stuck. Method: two libp2p hosts, one
// stream, four times the window in small messages; the updates that arrive at the writer are counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { spareWindowUpdates } from '../../../node/adapters/libp2p/window-updates.ts'
import { newIdentities, until } from './fleet.ts'
import { startRawPeer } from './raw-peer.ts'

const protocol = '/window/1'
const messageBytes = 4096
const messages = 256

test('the window is announced by halves, not for every message', async t => {
  const [one, two] = await newIdentities(2)
  const [reader, writer] = await Promise.all([startRawPeer(one!), startRawPeer(two!)])
  t.after(() => Promise.all([reader.stop(), writer.stop()]))
  let received = 0
  let isSparing = false
  await reader.handle(protocol, stream => {
    isSparing = spareWindowUpdates(stream)
    stream.addEventListener('message', event => {
      received += event.data.byteLength
    })
  })
  const stream = await writer.dialProtocol(reader.getMultiaddrs(), protocol)
  const counted = stream as Stream & { handleWindowUpdate(frame: unknown): void }
  const handle = counted.handleWindowUpdate.bind(counted)
  let updates = 0
  counted.handleWindowUpdate = frame => {
    updates += 1
    handle(frame)
  }
  for (let sent = 1; sent <= messages; sent++) {
    stream.send(new Uint8Array(messageBytes))
    await until(() => received === sent * messageBytes, `message ${sent} has arrived`)
  }
  assert.ok(isSparing, 'the muxer has the shape that is expected of it')
  assert.ok(updates <= 16, `${updates} updates for ${messages} messages`)
})
