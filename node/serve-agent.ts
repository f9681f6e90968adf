import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { decodeGrantFile, joinChain } from '../crypto/grants/chain-text.ts'
import { granterKeyFile, grantFile } from '../crypto/grants/first-grants.ts'
import { loadIdentity } from '../crypto/identity.ts'
import { readNetworkKey } from '../crypto/network-key.ts'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import { agentAtDoor, notServedBy } from './agent-door.ts'
import { type JoinedFleet, joinFleet } from './agent-process.ts'
import type { AgentOptions } from './cli/wiring.ts'
import type { ProcessSettings } from './config.ts'
import { doorSettings, failedReasons } from './door-settings.ts'
import { openDoor } from './http/server.ts'
import { createMetrics } from './monitoring/metrics.ts'
import { openPeerLog } from './monitoring/peer-log.ts'
import { readPeerFile, tokenPath, writePeerFile } from './peer-settings.ts'
import type { ServedPeer } from './serve-peer.ts'

export type ServeAgentOptions = AgentOptions & {
  /** Of SLURP. */
  readonly version: string
  readonly passphrase?: PassphraseSource
}

/** An agent with its HTTP door, up in this process: found the fleet, and collects its keys. @throws SlurpError as `joinFleet` does. */
export async function serveAgent(
  dir: string,
  settings: ProcessSettings,
  { index, version, passphrase }: ServeAgentOptions,
): Promise<ServedPeer> {
  const startedAtMs = Date.now()
  const ofDoor = doorSettings(dir, settings)
  const { name } = readPeerFile(dir)
  const identity = await loadIdentity(join(dir, 'identity.key'), passphrase)
  const log = openPeerLog(join(dir, 'peer.log'), { level: settings.logLevel, bytesMax: settings.logBytesMax })
  let joined: JoinedFleet | null = null
  try {
    const fleet = await joinFleet({
      bootstrap: settings.bootstrap,
      identity,
      grant: joinChain(decodeGrantFile(readFileSync(join(dir, grantFile)))),
      dir,
      networkKey: await readNetworkKey(dir),
      contextBytesMax: settings.contextBytesMax,
      index,
      name,
      log,
    })
    joined = fleet
    const atDoor = agentAtDoor(fleet, name, version, log)
    const door = await openDoor({
      peer: atDoor,
      ...ofDoor,
      metrics: requestsInFlight =>
        createMetrics({
          counters: () => fleet.counters(),
          crypto: fleet.cryptoMeter,
          indexLag: () => atDoor.search.lag,
          clocks: () => [],
          ready: () => atDoor.checks().every(check => check.ok),
          requestsInFlight,
          startedAtMs,
        }),
      log,
      version,
      notServed: notServedBy({ grant: existsSync(join(dir, granterKeyFile)), find: index }),
    })
    notePort(dir, door.url)
    log.info({ url: door.url }, 'agent is up')
    return {
      id: fleet.id,
      name,
      url: door.url,
      tokenFile: tokenPath(dir),
      addresses: [],
      reasons: () => failedReasons(atDoor.checks()),
      async stop(graceMs) {
        await door.stop(graceMs)
        await fleet.stop()
        log.info({}, 'agent stopped')
        log.close()
      },
    }
  } catch (thrown) {
    log.error({ err: thrown instanceof SlurpError ? thrown.message : thrown }, 'agent could not start')
    await joined?.stop()
    log.close()
    throw thrown
  }
}

function notePort(dir: string, url: string): void {
  const file = readPeerFile(dir)
  const httpPort = Number(new URL(url).port)
  if (file.settings.httpPort === httpPort) return
  writePeerFile(dir, { name: file.name, settings: { ...file.settings, httpPort } })
}
