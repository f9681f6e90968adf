import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newSide, type Shot, type Side, send } from './http-load.ts'

const readyWithinMs = 20_000
const nodes = 3

export type Etcd = { readonly version: string; readonly side: Side; stop(): Promise<void> }

/** @returns the version that is installed, null for none. */
export function etcdVersion(): string | null {
  const said = spawnSync('etcd', ['--version'], { encoding: 'utf8' })
  return said.status === 0 ? (/etcd Version: (\S+)/.exec(said.stdout)?.[1] ?? 'unknown') : null
}

/** Three nodes on loopback with their own data directories below `dir`, synced as etcd does by default. */
export async function startEtcd(dir: string, version: string): Promise<Etcd> {
  const ports = await freePorts(nodes * 2)
  const client = (i: number) => `http://127.0.0.1:${ports[i]}`
  const peer = (i: number) => `http://127.0.0.1:${ports[nodes + i]}`
  const each = Array.from({ length: nodes }, (_, i) => i)
  const cluster = each.map(i => `n${i}=${peer(i)}`).join(',')
  const children = each.map(i =>
    spawn(
      'etcd',
      [
        ...['--name', `n${i}`, '--data-dir', join(dir, `n${i}`), '--initial-cluster', cluster],
        ...['--listen-client-urls', client(i), '--advertise-client-urls', client(i)],
        ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
        ...['--initial-cluster-state', 'new', '--logger', 'zap', '--log-level', 'error'],
      ],
      { stdio: 'ignore' },
    ),
  )
  const side = newSide(each.map(client))
  const stop = async () => {
    side.agent.destroy()
    await Promise.all(children.map(end))
  }
  const agent = new Agent()
  const deadline = Date.now() + readyWithinMs
  for (const door of side.doors) {
    while ((await send(door, agent, etcdRead('ready'))).status !== 200) {
      if (Date.now() > deadline) {
        await stop()
        throw new Error(`etcd was not ready within ${readyWithinMs} ms`)
      }
      await sleep(50)
    }
  }
  agent.destroy()
  return { version, side, stop }
}

/** A plain put through the JSON gateway that is part of etcd. */
export const etcdPut = (key: string, value: string): Shot => ({
  method: 'POST',
  path: '/v3/kv/put',
  body: JSON.stringify({ key: base64(key), value: base64(value) }),
})

/** A linearizable read: etcd's default. */
export const etcdRead = (key: string): Shot => ({
  method: 'POST',
  path: '/v3/kv/range',
  body: JSON.stringify({ key: base64(key) }),
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
