import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import type { RoleName } from '../base/ids.ts'
import { loadAuthority } from '../crypto/authority.ts'
import { verifyFleetRecord } from '../crypto/fleet-record.ts'
import { type Identity, loadIdentity } from '../crypto/identity.ts'
import { type Keyring, openKeyring } from '../crypto/keyring.ts'
import { dealSecrets, furnishKeys, registryFile, sharesFolder } from '../crypto/registry/genesis.ts'
import type { RoleKey } from '../crypto/roles.ts'
import type { View } from '../dht/view.ts'
import { openLevelDisk } from './adapters/level-disk/open-level-disk.ts'
import { startingView } from './driver/boot.ts'
import { decodeView } from './driver/codec/view.ts'
import { hasLeft, writePrivately } from './peer-settings.ts'

export const formerKeysFile = 'keyring.age'
const stage = 'keys.next'
const marker = 'keys.migrating'

/** @throws SlurpError CONFIG_INVALID where whole keys of a former release lie. */
export function refuseFormerKeys(dir: string): void {
  if (!existsSync(join(dir, formerKeysFile)) && !existsSync(join(dir, stage))) return
  throw new SlurpError('CONFIG_INVALID', `${dir} keeps whole keys, as a former release did.`, {
    hint: 'Run `slurp key migrate --dir DIR` where the directories of all peers of this fleet and `authority` are.',
  })
}

export type Migrated = {
  /** Directories whose whole keys were dealt in shares and deleted, by name. */
  readonly migrated: readonly string[]
}

/**
 * Deals the keys that a former release kept whole in `keyring.age`, and deletes those files. All directories of the fleet
 * lie in `dir`, none of its peers runs. Everything is made beside what is there; then one file says that it is whole, and
 * from there on it goes only forward: interrupted at any point, it is begun again or brought to its end by the next run.
 *
 * @throws SlurpError DATA_MISSING, DIRECTORY_TAKEN while a peer runs, CONFIG_INVALID when a member's directory is not there.
 */
export async function migrateKeys(dir: string): Promise<Migrated> {
  if (existsSync(join(dir, marker))) return await finish(dir)
  const names = readdirSync(dir).filter(name => existsSync(join(dir, name, formerKeysFile)))
  if (names.length === 0) return { migrated: [] }
  const authority = await loadAuthority(join(dir, 'authority', 'authority.key'))
  const closers: (() => Promise<void>)[] = []
  try {
    const peers = await Promise.all(names.map(name => openPeer(join(dir, name), name, closers)))
    if (peers.some(({ view }) => view.fleet !== authority.fleet))
      throw new SlurpError(
        'CONFIG_INVALID',
        `In ${dir} lie peers of another fleet than that of the authority.`,
      )
    const view = peers.map(peer => peer.view).reduce((a, b) => (b.epoch > a.epoch ? b : a))
    const members = view.members.map(({ id, name }) => {
      const found = peers.find(({ identity }) => identity.peerId === id)
      if (found !== undefined) return found
      throw new SlurpError('CONFIG_INVALID', `The directory of ${name} is not in ${dir}.`, {
        hint: 'Bring the directories of all members together: each gets shares of every key.',
      })
    })
    const { fleetSecret, roleKeys } = keysOf(members, dir)
    const dealt = await dealSecrets({
      authority,
      fleetSecret,
      roleKeys,
      members: members.map(({ identity, keyring }) => ({
        peer: identity.peerId,
        recipient: identity.ageRecipient,
        roles: keyring.heldRoles,
      })),
    })
    for (const { name, identity } of members) {
      const path = join(dir, name, stage)
      rmSync(path, { recursive: true, force: true })
      await mkdir(path, { mode: 0o700 })
      await furnishKeys(path, identity.peerId, dealt)
    }
    writePrivately(join(dir, marker), JSON.stringify(names))
    return await finish(dir)
  } finally {
    for (const close of closers) await close()
  }
}

type FormerPeer = {
  readonly name: string
  readonly identity: Identity
  readonly keyring: Keyring
  readonly view: View
}

/** Its disk stays open until all is done, so that nobody starts it meanwhile. */
async function openPeer(dir: string, name: string, closers: (() => Promise<void>)[]): Promise<FormerPeer> {
  const identity = await loadIdentity(join(dir, 'identity.key'))
  const keyring = await openKeyring(join(dir, formerKeysFile), identity)
  const { view: first } = verifyFleetRecord(readFileSync(join(dir, 'fleet.json')))
  const joined = join(dir, 'joined.view')
  const view = existsSync(joined) ? decodeView(readFileSync(joined)) : first
  if (hasLeft(dir) || !existsSync(join(dir, 'data'))) return { name, identity, keyring, view }
  const opened = await openLevelDisk({ dir: join(dir, 'data'), expectExisting: true })
  closers.push(() => opened.close())
  return { name, identity, keyring, view: startingView(opened.disk, view).view }
}

function keysOf(members: readonly FormerPeer[], dir: string) {
  const roleKeys = new Map<string, RoleKey>()
  let fleetSecret: Uint8Array | null = null
  for (const { keyring } of members) {
    fleetSecret ??= keyring.fleetSecret
    for (const key of keyring.content().roleKeys) roleKeys.set(`${key.name}/${key.keyVersion}`, key)
  }
  const { roles } = verifyFleetRecord(readFileSync(join(dir, members[0]!.name, 'fleet.json')))
  const lost = roles.find(
    ({ name, keyVersion, recipient }) =>
      roleKeys.get(`${name}/${keyVersion}`)?.identity.recipient.text !== recipient,
  )
  if (fleetSecret !== null && lost === undefined) return { fleetSecret, roleKeys: [...roleKeys.values()] }
  const what = lost === undefined ? 'the secret of the fleet' : `the key of the role ${lost.name as RoleName}`
  throw new SlurpError('DATA_MISSING', `No peer in ${dir} has ${what}.`)
}

/** What was made is whole: it takes its place, and whole keys are deleted. Safe to repeat. */
async function finish(dir: string): Promise<Migrated> {
  const migrated = JSON.parse(readFileSync(join(dir, marker), 'utf8')) as string[]
  for (const name of migrated) {
    const at = (file: string) => join(dir, name, file)
    for (const file of [sharesFolder, registryFile])
      if (existsSync(join(at(stage), file))) renameSync(join(at(stage), file), at(file))
    if (existsSync(at(formerKeysFile))) await shred(at(formerKeysFile))
    rmSync(at(stage), { recursive: true, force: true })
  }
  rmSync(join(dir, marker))
  return { migrated }
}

/** Overwritten before it is deleted; what the file system or the drive copied elsewhere is out of reach. */
async function shred(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    await file.write(new Uint8Array(size), 0, size, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  rmSync(path)
}
