// Goal: how fast contexts are sealed anew after a rotation, and whether who reads and writes meanwhile sees a failure.
// Method: real peers as processes; contexts written through their doors; one rotation, a reader and a writer beside it.
// Run it by itself: node test/bench/rotation.ts [--contexts N] [--peers N] [--profile].
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startFleet } from './fleet.ts'
import { profilable, sample } from './profile.ts'

type Progress = { phase: string; total: number | null; done: number; perSecond: number }
type Roles = { roles: { name: string; keys: { state: string }[] }[]; reencryption: Progress | null }

const { values: options } = parseArgs({
  options: {
    contexts: { type: 'string', default: '10000' },
    peers: { type: 'string', default: '3' },
    /** Says where the time of the peers goes while they seal anew. */
    profile: { type: 'boolean', default: false },
  },
})
const contexts = Number(options.contexts)
const peers = Number(options.peers)
const aim = 500
const writersAtOnce = 16
const text = 'Chosen because the cache was cold, and the queue behind it was not. '.repeat(40)
const scratch = mkdtempSync(join(tmpdir(), 'slurp-rotation-'))
const profiles = join(scratch, 'profiles')
const watched = options.profile ? { profiled: profilable(profiles) } : {}
const fleet = await startFleet({ peers, dir: join(scratch, 'fleet'), stateDir: scratch, ...watched })
const token = readFileSync(fleet.tokenFile, 'utf8').trim()
const address = (name: string) => encodeURIComponent(`ucxl://any:any@bench:any/*^/${name}`)

async function call(method: string, path: string, body?: unknown, door = 0): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const sent = body === undefined ? null : JSON.stringify(body)
  return await fetch(fleet.peers[door % fleet.peers.length]!.url + path, { method, headers, body: sent })
}

const put = (name: string, title: string, door: number, more = '') =>
  call('PUT', `/v1/contexts/${address(name)}?roles=developer${more}`, { title, content: text }, door)

const roles = async (): Promise<Roles> => (await (await call('GET', '/v1/roles')).json()) as Roles

/** Waits for the fleet to tell how far it is. */
async function until(isReached: (progress: Progress) => boolean): Promise<void> {
  for (;;) {
    const { reencryption } = await roles()
    if (reencryption !== null && isReached(reencryption)) return
    await sleep(100)
  }
}

/** One client after another at one address, until it is told to end. @returns operations, and those that failed. */
async function beside(isOver: () => boolean): Promise<{ operations: number; failed: number }> {
  const counted = { operations: 0, failed: 0 }
  for (let count = 0; !isOver(); count++) {
    const written = await put('busy', `${count}`, count)
    const read = await call('GET', `/v1/contexts/${address(`c${count % contexts}`)}`, undefined, count + 1)
    for (const answer of [written, read]) {
      await answer.arrayBuffer()
      counted.operations += 1
      if (!answer.ok) counted.failed += 1
    }
  }
  return counted
}

try {
  let next = 0
  const lane = async () => {
    for (let at = next++; at < contexts; at = next++) {
      // Filling is not what is measured: a machine that is busy with other work gets its time.
      for (let tries = 1; ; tries++) {
        const answer = await put(`c${at}`, `${at}`, at)
        const said = await answer.text()
        if (answer.ok) break
        if (tries === 10) throw new Error(`a context was not stored: ${said}`)
      }
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: writersAtOnce }, lane))
  const wroteMs = performance.now() - startedMs
  console.log(`written: ${contexts} in ${(wroteMs / 1000).toFixed(1)} s`)
  let isOver = false
  const others = beside(() => isOver)
  const rotated = await call('POST', '/v1/roles/developer/rotate', {})
  if (!rotated.ok) throw new Error(`not rotated: ${await rotated.text()}`)
  await until(({ phase }) => phase === 'sealing')
  const beganMs = performance.now()
  const sealed = () => until(({ phase, total, done }) => phase !== 'sealing' && total === done)
  if (options.profile) {
    const pids = fleet.peers.map(({ pid }) => pid)
    const { functions, whole } = await sample(pids, profiles, sealed)
    for (const { name, share } of [...functions.slice(0, 40), ...whole.slice(0, 60)])
      console.log(`${(share * 100).toFixed(1).padStart(6)} ${name}`)
  } else await sealed()
  const seconds = (performance.now() - beganMs) / 1000
  isOver = true
  const { operations, failed } = await others
  const perSecond = Math.round(contexts / seconds)
  console.log(
    `sealed anew: ${contexts} in ${seconds.toFixed(1)} s, ${perSecond} a second (aim ${aim}: ${perSecond >= aim ? 'met' : 'missed'})`,
  )
  console.log(`beside it: ${operations} reads and writes, ${failed} failed`)
} finally {
  await fleet.stop()
  rmSync(scratch, { recursive: true, force: true })
}
