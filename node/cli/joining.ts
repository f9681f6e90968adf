import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId } from '../../base/ids.ts'
import type { ProcessSettings } from '../config.ts'
import type { JoinRequest, JoinTicket } from '../fleet-control.ts'
import { newToken, peerFilePath, tokenPath, writePeerFile, writePrivately } from '../peer-settings.ts'
import type { FleetClient } from './client.ts'
import { pickFreePorts } from './free-ports.ts'
import type { Wiring } from './wiring.ts'

const format = 1

export type JoinChoices = {
  /** New, or an empty directory. */
  readonly dir: string
  readonly name: string | null
  readonly zone: string | null
  readonly weight: number
  readonly blind: boolean
  /** Its identity is sealed by a passphrase. */
  readonly sealed: boolean
  /** Name of the lost peer whose place it takes; null: its place is new. */
  readonly replaces: string | null
  /** Settings of the process that differ from the defaults. */
  readonly settings: Partial<ProcessSettings>
  readonly timeoutMs: number | undefined
}

export type Joined = {
  readonly fleet: FleetId
  readonly name: string
  readonly id: string
  readonly dir: string
  /** Roles that it can open. */
  readonly roles: readonly string[]
}

/** @throws SlurpError FLEET_WRONG or DIRECTORY_TAKEN unless a new peer of `fleet` may be made there. */
export async function refuseTakenBy(wiring: Wiring, dir: string, fleet: FleetId): Promise<void> {
  if (!existsSync(dir) || isEmpty(dir)) return
  if (!existsSync(peerFilePath(dir))) {
    throw new SlurpError('DIRECTORY_TAKEN', `${dir} is not empty.`, { hint: 'Choose another --dir.' })
  }
  if ((await wiring.fleetIn(dir)) !== fleet) {
    throw new SlurpError('FLEET_WRONG', `${dir} holds a peer of another fleet.`, {
      hint: 'Choose a new --dir for this fleet, or name a door of the fleet that the directory is of.',
    })
  }
  throw new SlurpError('DIRECTORY_TAKEN', `${dir} holds a peer of this fleet already.`, {
    hint: `Start it with \`slurp up --dir ${dir}\`, or choose another --dir.`,
  })
}

/**
 * Registers a new peer and makes its directory, whole or not at all. Its identity is made first, in a directory
 * beside it: should the answer of the fleet be lost, asking again with the same directory asks as the same peer.
 *
 * @param token - of the door: the new peer takes the same one, as it opens the same; a blind one gets its own.
 * @throws SlurpError what the fleet answered; FLEET_WRONG, DIRECTORY_TAKEN, INTEGRITY_FAILED, CONFIG_INVALID.
 */
export async function joinFleet(
  wiring: Wiring,
  client: FleetClient,
  token: string,
  choices: JoinChoices,
): Promise<Joined> {
  const { dir, timeoutMs } = choices
  const status = await client.call({ method: 'GET', path: '/v1/status', timeoutMs })
  const { fleet } = status as { fleet: FleetId }
  await refuseTakenBy(wiring, dir, fleet)
  // Before anybody knows of it: an interface that is not there is a reason not to join.
  const [port, httpPort] = await pickFreePorts(2, choices.settings.host)
  const draft = openDraft(dir, fleet)
  try {
    const peer = await wiring.newPeerIn(draft.path, choices.sealed)
    const ticket = await register(client, { ...choices, peer, fleet: draft.fleet }, draft)
    if (ticket.fleet !== fleet) throw new SlurpError('FLEET_WRONG', 'Another fleet answered than before.')
    draft.isRegistered = true
    const roles = await wiring.writeTicket(draft.path, fleet, ticket)
    const settings = { port, httpPort, bootstrap: ticket.bootstrap, ...choices.settings }
    writePrivately(tokenPath(draft.path), `${choices.blind ? newToken() : token}\n`)
    writePeerFile(draft.path, { name: ticket.name, settings })
    moveIntoPlace(draft.path, dir)
    return { fleet, name: ticket.name, id: peer.id, dir, roles }
  } catch (thrown) {
    throw abandon(draft, dir, thrown)
  }
}

type Draft = {
  readonly path: string
  readonly isNew: boolean
  /** The fleet that it was made for, when it was made by an earlier attempt. */
  readonly fleet: FleetId | null
  /** The fleet has the peer as a member, or may have it. */
  isRegistered: boolean
}

const draftOf = (dir: string): string => `${dir}.joining`
const notePath = (draft: string): string => join(draft, 'joining.json')

function openDraft(dir: string, fleet: FleetId): Draft {
  const path = draftOf(dir)
  const isNew = !existsSync(path)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const made = existsSync(notePath(path)) ? readNote(path) : null
  if (made === null) writePrivately(notePath(path), `${JSON.stringify({ format, fleet })}\n`)
  return { path, isNew, fleet: made, isRegistered: false }
}

function readNote(draft: string): FleetId {
  try {
    const { fleet } = JSON.parse(readFileSync(notePath(draft), 'utf8')) as { fleet?: unknown }
    if (typeof fleet === 'string') return fleet as FleetId
  } catch (cause) {
    throw damaged(draft, cause)
  }
  throw damaged(draft, undefined)
}

const damaged = (draft: string, cause: unknown): SlurpError =>
  new SlurpError('INTEGRITY_FAILED', `${draft}, of an attempt to join before, is damaged.`, {
    hint: 'Remove it, and join again; `slurp peer ls` shows whether the earlier attempt left a member behind.',
    cause,
  })

type Registering = JoinChoices & {
  readonly peer: Pick<JoinRequest, 'id' | 'recipient' | 'versions'>
  readonly fleet: FleetId | null
}

async function register(client: FleetClient, asked: Registering, draft: Draft): Promise<JoinTicket> {
  const { name, zone, weight, blind, replaces, peer, fleet, timeoutMs } = asked
  const body: JoinRequest = { ...peer, name, zone, weight, roles: !blind, fleet }
  const path = replaces === null ? '/v1/peers' : `/v1/peers/${encodeURIComponent(replaces)}/replace`
  try {
    return (await client.call({ method: 'POST', path, body, timeoutMs })) as JoinTicket
  } catch (thrown) {
    draft.isRegistered = !(thrown instanceof SlurpError) || mayHaveHappened.has(thrown.code)
    throw thrown
  }
}

/** Failures after which the fleet may have the peer all the same. */
const mayHaveHappened = new Set([
  'QUORUM_UNREACHED',
  'UNREACHABLE',
  'REQUEST_TIMEOUT',
  'SHUTTING_DOWN',
  'INTERNAL',
])

/** Nothing is left behind, unless the fleet may know the identity that was made: then a retry needs it. */
function abandon(draft: Draft, dir: string, thrown: unknown): unknown {
  if (draft.isNew && !draft.isRegistered) {
    rmSync(draft.path, { recursive: true, force: true })
    return thrown
  }
  if (!(thrown instanceof SlurpError)) return thrown
  const again = `Ask again with --dir ${dir}: ${draft.path} keeps the identity that the fleet may know.`
  return new SlurpError(thrown.code, thrown.message, { hint: `${thrown.hint} ${again}`, cause: thrown })
}

/** The rename is the moment of birth: what was made so far is moved as a whole. */
function moveIntoPlace(draft: string, dir: string): void {
  rmSync(notePath(draft), { force: true })
  if (existsSync(dir)) rmdirSync(dir)
  renameSync(draft, dir)
}

function isEmpty(dir: string): boolean {
  try {
    return readdirSync(dir).length === 0
  } catch {
    return false
  }
}
