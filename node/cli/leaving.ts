import { resolve } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { View } from '../../dht/view.ts'
import { left } from '../../dht/view-change.ts'
import { readSettings } from '../config.ts'
import type { FleetChange, RingProgress } from '../fleet-control.ts'
import { hasLeft, readPeerFile, settingsOfFile, tokenPath } from '../peer-settings.ts'
import type { PeerStatus } from '../status.ts'
import type { FleetClient } from './client.ts'
import { type FleetOptions, withClient } from './options.ts'
import { describeMoves, fetchView, memberNamed, placementHash, rehearse } from './rehearsal.ts'
import { answer, type Session } from './session.ts'
import { describeWaiting } from './show-progress.ts'
import { watchMoves } from './watch-moves.ts'

export type LeaveOptions = FleetOptions & {
  readonly dryRun?: boolean
  readonly wait?: boolean
  readonly waitSeconds?: number
}

export type Leaving = {
  /** Name or id. */
  readonly peer: string
  readonly how: 'drain' | 'remove'
  /** Whether it is known to be out, where its own door may be the only one that could be asked. */
  readonly isOut?: () => boolean
}

const partialExit = 3

/** Takes a peer out of the fleet, and waits for that where it is asked for. */
export async function leave(
  session: Session,
  client: FleetClient,
  leaving: Leaving,
  options: LeaveOptions,
): Promise<void> {
  const { json, timeoutMs } = options
  const { how, peer } = leaving
  const view = await fetchView(client, timeoutMs)
  const name = nameOf(view, peer)
  if (options.dryRun) {
    const rehearsal = rehearse(view, left(view, memberNamed(view, peer), how === 'drain', placementHash))
    answer(session, json, rehearsal, () =>
      [`would ${how} ${name}`, ...describeMoves(rehearsal.moves)].join('\n'),
    )
    return
  }
  const path = `/v1/peers/${encodeURIComponent(peer)}/leave`
  const begun = (await client.call({ method: 'POST', path, body: { how }, timeoutMs })) as FleetChange
  if (options.wait || options.waitSeconds !== undefined) {
    await waitUntilOut(session, client, { ...leaving, name, begun }, options)
    return
  }
  answer(session, json, begun, () =>
    [
      `${name} is on its way out: ${begun.pending} moves to begin`,
      '  `slurp ring progress --watch` shows how it goes on',
    ].join('\n'),
  )
}

/** The progress that is reported has names, also where the peer was given by its id. */
const nameOf = (view: View, peer: string): string =>
  view.members.find(member => member.id === peer)?.name ?? peer

type Begun = Leaving & { readonly name: string; readonly begun: FleetChange }

async function waitUntilOut(
  session: Session,
  client: FleetClient,
  { name, begun, isOut }: Begun,
  options: LeaveOptions,
): Promise<void> {
  const { json, timeoutMs, waitSeconds } = options
  const startedMs = performance.now()
  let last: RingProgress | null = null
  let out = false
  try {
    const watched = await watchMoves(session, client, {
      timeoutMs,
      patienceMs: waitSeconds === undefined ? null : waitSeconds * 1000,
      done: ({ epoch, leaving }) => epoch >= begun.epoch && !leaving.includes(name),
      onProgress: progress => {
        last = progress
      },
    })
    out = watched.isDone
  } catch (thrown) {
    const ended = thrown instanceof SlurpError && thrown.code === 'UNREACHABLE'
    if (!ended || last === null || !isOut?.()) throw thrown
    out = true
  }
  tell(session, json, { name, out, progress: last, seconds: secondsSince(startedMs) })
}

type Outcome = { name: string; out: boolean; progress: RingProgress | null; seconds: number }

function tell(session: Session, json: boolean | undefined, outcome: Outcome): void {
  const { name, out, progress, seconds } = outcome
  if (!out) session.exitCode = partialExit
  answer(session, json, { name, out, seconds, ...progress }, () =>
    out
      ? `${name} is out of the fleet after ${seconds} s`
      : [
          `${name} is not out yet after ${seconds} s, ${progress?.pending} moves are to begin; it goes on by itself`,
          ...describeWaiting(progress?.moving ?? []),
        ].join('\n'),
  )
}

const secondsSince = (startedMs: number): number => Math.round((performance.now() - startedMs) / 100) / 10

/**
 * Drains the peer that is asked, and waits until it is out.
 *
 * @throws SlurpError USAGE when no peer is named: the last fleet of this user is not meant by accident.
 */
export async function leaveSelf(session: Session, options: LeaveOptions & { dir?: string }): Promise<void> {
  const dir = options.dir === undefined ? null : resolve(options.dir)
  if (dir === null && options.url === undefined) {
    throw new SlurpError('USAGE', 'Which peer is to leave is not said.', {
      hint: 'Name it with --dir or --url; `slurp peer drain NAME` takes any peer out.',
    })
  }
  const asked = dir === null ? options : { ...options, ...doorOf(dir) }
  await withClient({ ...session, target: null }, asked, async client => {
    const { timeoutMs } = options
    const status = (await client.call({ method: 'GET', path: '/v1/status', timeoutMs })) as PeerStatus
    const isOut = () => dir !== null && hasLeft(dir)
    const leaving: Leaving = { peer: status.peer.name, how: 'drain', isOut }
    await leave(session, client, leaving, { ...options, wait: true })
  })
}

function doorOf(dir: string): { url: string; tokenFile: string } {
  const { httpHost, httpPort, httpTlsCert } = readSettings([settingsOfFile(readPeerFile(dir))])
  const host = httpHost.includes(':') ? `[${httpHost}]` : httpHost
  return { url: `${httpTlsCert === '' ? 'http' : 'https'}://${host}:${httpPort}`, tokenFile: tokenPath(dir) }
}
