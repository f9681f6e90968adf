// Goal: commands find the last fleet of this user, go on at another of its doors, and never show its token to
// a door that is not of that fleet. Method: remembered fleets whose first door is closed, or is a stranger.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { forgetFleet, lastFleetPath, readLastFleet, rememberFleet } from '../../node/cli/last-fleet.ts'
import { openBench } from './run-command.ts'

test('the last fleet is found, and its next door when one is closed', async t => {
  const { slurp, door, environment } = await openBench(t)
  const tokenFile = environment.SLURP_TOKEN_FILE ?? ''
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  assert.ok(rememberFleet(plain, { url: 'http://127.0.0.1:1', others: [door.url], tokenFile, pid: 7 }))
  assert.equal(statSync(lastFleetPath(plain)).mode & 0o777, 0o600)
  assert.equal((await slurp(['status'], { environment: plain })).code, 0)
  assert.equal((await slurp(['status', '--url', door.url], { environment: plain })).code, 0)
  forgetFleet(plain, 8)
  assert.ok(readLastFleet(plain))
  forgetFleet(plain, 7)
  assert.equal(readLastFleet(plain), null)
})

test('a stranger is never shown the remembered token', async t => {
  const { slurp, door, environment } = await openBench(t)
  const seen: (string | undefined)[] = []
  const stranger = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end('hello')
  })
  await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
  t.after(() => stranger.close())
  const at = stranger.address()
  const url = `http://127.0.0.1:${typeof at === 'object' ? at?.port : 0}`
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  rememberFleet(plain, { url: door.url, others: [], tokenFile: environment.SLURP_TOKEN_FILE ?? '', pid: 7 })
  const { code, json } = await slurp(['status', '--url', url, '--json'], { environment: plain })
  assert.deepEqual([code, json.error.code, seen], [2, 'USAGE', []])
  const named = await slurp(['status', '--url', url, '--json'])
  assert.deepEqual([named.code, named.json.error.code], [7, 'UNREACHABLE'])
})
