// Goal: one description of the settings gives parser, order of sources and messages. Method: sources made here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import {
  defaultOf,
  flagOf,
  meaningOf,
  readSettings,
  settingNames,
  settingsOfEnvironment,
  variableOf,
} from '../../node/config.ts'

const refusedWith = (message: RegExp) => (thrown: unknown) =>
  thrown instanceof SlurpError && thrown.code === 'CONFIG_INVALID' && message.test(thrown.message)

test('flags come before the environment, and that before the file', () => {
  const settings = readSettings([
    { place: 'the command line', values: { httpPort: '1', port: undefined } },
    settingsOfEnvironment({ SLURP_HTTP_PORT: '2', SLURP_PORT: '3', SLURP_BOOTSTRAP: 'a,b' }),
    { place: 'peer.json', values: { httpPort: 4, port: 5, host: '::1' } },
  ])
  const { httpPort, port, host, bootstrap, drainMs } = settings
  assert.deepEqual(
    { httpPort, port, host, bootstrap, drainMs },
    {
      httpPort: 1,
      port: 3,
      host: '::1',
      bootstrap: ['a', 'b'],
      drainMs: 8000,
    },
  )
})

test('what does not fit is refused with its place and name', () => {
  const file = (values: Record<string, unknown>) => () => readSettings([{ place: 'peer.json', values }])
  assert.throws(file({ port: 70_000 }), refusedWith(/`port` in peer\.json/))
  assert.throws(file({ colour: 'red' }), refusedWith(/Unknown setting `colour` in peer\.json/))
  assert.throws(file({ logLevel: 'loud' }), refusedWith(/`logLevel`/))
  assert.throws(
    () => readSettings([settingsOfEnvironment({ SLURP_DRAIN_MS: 'soon' })]),
    refusedWith(/`drainMs` in the environment/),
  )
})

test('every setting has a meaning, a default, a flag and a variable', () => {
  for (const name of settingNames) {
    assert.ok(meaningOf(name).length > 10, name)
    assert.ok(defaultOf(name) !== '', name)
  }
  assert.deepEqual([flagOf('httpPort'), variableOf('httpPort')], ['http-port', 'SLURP_HTTP_PORT'])
})
