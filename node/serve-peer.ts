import { join } from 'node:path'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import type { ProcessSettings } from './config.ts'
import { doorSettings, failedReasons } from './door-settings.ts'
import { openDoor } from './http/server.ts'
import { indexesOf } from './index-settings.ts'
import { releaseIdleMemory } from './monitoring/idle-memory.ts'
import { createMetrics } from './monitoring/metrics.ts'
import { openPeerLog } from './monitoring/peer-log.ts'
import { readPeerFile, tokenPath, writePeerFile } from './peer-settings.ts'
import { startPeer } from './process.ts'
import { keyContexts, roleKeyAges } from './role-key-ages.ts'
import type { RunningPeer } from './running-peer.ts'

/** Time that network and disk get to close after the door did. */
const closeMs = 1500

/**
 * What comes in five seconds in which nobody wants anything of a peer: twelve frames a second of each member, and three
 * batches for the disk, of which the lease of the leader is most; and some.
 */
const chatter = { framesOfMember: 90, diskBatches: 25 } as const
/** Counted in frames. */
const batchFrames = 10
const answerFrames = 1_000_000

/** One peer with its HTTP door, up in this process. */
export type ServedPeer = {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly tokenFile: string
  readonly addresses: readonly string[]
  reasons(): string[]
  stop(graceMs: number): Promise<void>
}

/**
 * Starts the one peer whose data is in `dir` and opens its door. Ports that differ from the wanted ones are
 * noted in peer.json, so that the next start asks for them first.
 *
 * @param passphrase - asked when the identity is sealed.
 * @param onLeft - the peer is no member of its fleet any more; it serves on until it is stopped.
 * @throws SlurpError DIRECTORY_TAKEN, DATA_MISSING, CONFIG_INVALID, FORMAT_UNKNOWN, INTEGRITY_FAILED,
 * PASSPHRASE_NEEDED, PASSPHRASE_WRONG.
 */
export async function servePeer(
  dir: string,
  settings: ProcessSettings,
  version: string,
  onLeft: () => void,
  passphrase?: PassphraseSource,
): Promise<ServedPeer> {
  const startedAtMs = Date.now()
  const ofDoor = doorSettings(dir, settings)
  const log = openPeerLog(join(dir, 'peer.log'), { level: settings.logLevel, bytesMax: settings.logBytesMax })
  let peer: RunningPeer | null = null
  try {
    peer = await startPeer({
      dir,
      host: settings.host,
      preferredPort: settings.port,
      bootstrap: settings.bootstrap,
      contextBytesMax: settings.contextBytesMax,
      audit: { policy: settings.auditPolicy, sync: settings.auditSync, bytesMax: settings.auditBytesMax },
      indexes: indexesOf(settings.indexes),
      version,
      log,
      onLeft,
      ...(passphrase === undefined ? {} : { passphrase }),
    })
    const running = peer
    const door = await openDoor({
      peer: running,
      ...ofDoor,
      metrics: requestsInFlight =>
        createMetrics({
          counters: () => running.counters(),
          crypto: running.cryptoMeter,
          roleKeys: () => roleKeyAges(running.keys.roles(), Date.now()),
          keyContexts: () => keyContexts(running.keys.roles()),
          indexLag: () => running.search.lag,
          clocks: () => running.status().members,
          ready: () => running.checks().every(check => check.ok),
          requestsInFlight,
          startedAtMs,
        }),
      log,
      version,
    })
    notePorts(dir, running.addresses(), door.url)
    const stopReleasing = releaseIdleMemory(
      () => {
        const { framesReceived = 0, diskBatches = 0 } = running.counters()
        return framesReceived + diskBatches * batchFrames + door.requestsAnswered() * answerFrames
      },
      () => running.ring().members.length * chatter.framesOfMember + chatter.diskBatches * batchFrames,
    )
    log.info({ peer: running.name, url: door.url }, 'peer is up')
    return {
      id: running.id,
      name: running.name,
      url: door.url,
      tokenFile: tokenPath(dir),
      addresses: running.addresses(),
      reasons: () => failedReasons(running.checks()),
      async stop(graceMs) {
        stopReleasing()
        await door.stop(graceMs)
        await running.stop(closeMs)
        log.info({ peer: running.name }, 'peer stopped')
        log.close()
      },
    }
  } catch (thrown) {
    log.error({ err: thrown }, 'peer could not start')
    await peer?.stop(0)
    log.close()
    throw thrown
  }
}

function notePorts(dir: string, addresses: readonly string[], url: string): void {
  const file = readPeerFile(dir)
  const httpPort = Number(new URL(url).port)
  const port = Number(/\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1] ?? file.settings.port ?? 0)
  if (file.settings.port === port && file.settings.httpPort === httpPort) return
  writePeerFile(dir, { name: file.name, settings: { ...file.settings, port, httpPort } })
}
