import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import { isRoleName } from '../../base/ids.ts'
import { hasLeft, newToken, peerFilePath, readPeerFile, tokenPath, writePeerFile } from '../peer-settings.ts'
import { pickFreePorts } from './free-ports.ts'
import type { CreatedFleet, Custody, Wiring } from './wiring.ts'

export const defaultRoles = [
  'admin',
  'architect',
  'developer',
  'devops',
  'manager',
  'security',
  'tester',
] as const
export const peersMax = 100

export type FleetChoices = {
  readonly dir: string
  readonly peers: number
  readonly replicas: number
  readonly roles: readonly string[]
  /** Names of peers that are given no role. */
  readonly blind: readonly string[]
  /** Among whom the key of the authority is split; left out, it stays whole in a file. */
  readonly custody?: Custody | null
  /** The identities are sealed by a passphrase. */
  readonly sealed?: boolean
  /** The peers share a network key. */
  readonly privateNetwork?: boolean
}

export type NewFleet = CreatedFleet

export const memberNamesOf = (peers: number): string[] => Array.from({ length: peers }, (_, i) => `p${i + 1}`)

/** @throws SlurpError USAGE for the first choice that cannot be. */
export function checkChoices(choices: FleetChoices): void {
  const names = memberNamesOf(choices.peers)
  if (choices.replicas > choices.peers) {
    throw usage(`${choices.replicas} replicas need at least as many peers, not ${choices.peers}.`)
  }
  const badRole = choices.roles.find(role => !isRoleName(role))
  if (badRole !== undefined) {
    throw usage(`"${badRole}" is no role name: 1 to 32 of a-z, 0-9 and -, starting with a letter.`)
  }
  if (choices.roles.length === 0 || new Set(choices.roles).size !== choices.roles.length) {
    throw usage('The roles are none or one of them twice.')
  }
  const stranger = choices.blind.find(name => !names.includes(name))
  if (stranger !== undefined)
    throw usage(`--blind names "${stranger}", which is none of ${names.join(', ')}.`)
}

const usage = (message: string) =>
  new SlurpError('USAGE', message, { hint: '`slurp init --help` shows how it is used.' })

/** What is in a directory that a fleet shall be in. */
export function inspectDirectory(dir: string): 'free' | 'fleet' | 'foreign' {
  if (!existsSync(dir)) return 'free'
  let entries: string[]
  try {
    entries = readdirSync(dir)
  } catch {
    return 'foreign'
  }
  if (entries.length === 0) return 'free'
  return membersIn(dir, entries).length > 0 ? 'fleet' : 'foreign'
}

/** Names of the peers whose directories are in `dir`, p2 before p10. */
export function membersIn(dir: string, entries = readdirSync(dir)): string[] {
  const names = entries.filter(name => /^p[1-9]\d*$/.test(name) && existsSync(peerFilePath(join(dir, name))))
  return names.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
}

/** @throws SlurpError DIRECTORY_TAKEN unless a new fleet may be made there. */
export function refuseTaken(dir: string): void {
  const found = inspectDirectory(dir)
  if (found === 'free') return
  const what = found === 'fleet' ? 'a fleet already' : 'files that are not of SLURP'
  throw new SlurpError('DIRECTORY_TAKEN', `${dir} holds ${what}.`, {
    hint:
      found === 'fleet'
        ? 'Start its peers with `slurp up`, or choose another --dir.'
        : 'Choose another --dir.',
  })
}

/**
 * Makes a fleet: keys, and for every peer its preferred ports, the addresses of the others and its token.
 * Peers that hold roles share one token, as each can open what the others can; a blind peer has its own.
 * What was made is removed again when it does not come to its end.
 */
export async function makeFleet(wiring: Wiring, choices: FleetChoices): Promise<NewFleet> {
  checkChoices(choices)
  refuseTaken(choices.dir)
  const dir = resolve(choices.dir)
  const existed = existsSync(dir)
  const memberNames = memberNamesOf(choices.peers)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  try {
    const created = await wiring.createFleet({
      dir,
      memberNames,
      roles: choices.roles,
      replicas: choices.replicas,
      custody: choices.custody ?? null,
      sealed: choices.sealed === true,
      privateNetwork: choices.privateNetwork === true,
      rolesOf: name => (choices.blind.includes(name) ? [] : choices.roles),
    })
    await furnish(created, choices.blind)
    return created
  } catch (thrown) {
    for (const name of existed ? ['authority', 'granter', ...memberNames] : ['']) {
      rmSync(join(dir, name), { recursive: true, force: true })
    }
    throw thrown
  }
}

async function furnish({ members, granter }: CreatedFleet, blind: readonly string[]): Promise<void> {
  const ports = await pickFreePorts(members.length * 2)
  const doorToken = newToken()
  const addresses = members.map((member, i) => `/ip4/127.0.0.1/tcp/${ports[i]}/p2p/${member.id}`)
  for (const [i, member] of members.entries()) {
    const token = blind.includes(member.name) ? newToken() : doorToken
    writeFileSync(tokenPath(member.dir), `${token}\n`, { mode: 0o600, flag: 'wx' })
    const bootstrap = addresses.filter((_, j) => j !== i)
    const settings = { port: ports[i], httpPort: ports[members.length + i], bootstrap }
    writePeerFile(member.dir, { name: member.name, settings })
  }
  if (granter === null) return
  writeFileSync(tokenPath(granter.dir), `${newToken()}\n`, { mode: 0o600, flag: 'wx' })
  writePeerFile(granter.dir, { name: granter.name, settings: { bootstrap: addresses } })
}

/** Name of every peer of an existing fleet with its directory; without those that left the fleet. */
export const openFleet = (dir: string): { name: string; dir: string }[] =>
  membersIn(dir)
    .map(entry => resolve(dir, entry))
    .filter(memberDir => !hasLeft(memberDir))
    .map(memberDir => ({ name: readPeerFile(memberDir).name, dir: memberDir }))
