import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { hlcMs } from '../base/hlc.ts'
import type { ContextKey, FleetId, PartitionId, PeerId, RoleName } from '../base/ids.ts'
import type { Authority } from '../crypto/authority.ts'
import { verifyFleetRecord } from '../crypto/fleet-record.ts'
import { newDelegateKey, openDelegateKey } from '../crypto/grants/delegate-key.ts'
import { furnishGrant, grantFile, newIssuer } from '../crypto/grants/first-grants.ts'
import { type Identity, loadIdentity } from '../crypto/identity.ts'
import { type Keyring, openKeyring } from '../crypto/keyring.ts'
import {
  type DealtSecrets,
  dealSecrets,
  dealSigning,
  furnishKeys,
  registryFile,
  sharesFolder,
} from '../crypto/registry/genesis.ts'
import { entitledTo, isRole, merged, type Registry } from '../crypto/registry/registry.ts'
import { decodeRegistry } from '../crypto/registry/registry-codec.ts'
import type { RoleKey } from '../crypto/roles.ts'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import { signingKeyName } from '../crypto/shares/secret-name.ts'
import { wipe } from '../crypto/shares/share.ts'
import type { SigningKey } from '../crypto/signing-key.ts'
import type { View } from '../dht/view.ts'
import { openLevelDisk } from './adapters/level-disk/open-level-disk.ts'
import { type AuthoritySource, authorityFrom } from './certify.ts'
import { startingView } from './driver/boot.ts'
import { decodeView } from './driver/codec/view.ts'
import { grantsFile } from './grants/grant-book.ts'
import { readRegistry } from './keys/registry-book.ts'
import { localHistories } from './local-histories.ts'
import { hasLeft, writePrivately } from './peer-settings.ts'
import type { LocalHistories } from './store/retention/ports.ts'

/** Files of former releases: whole role keys, and the whole key that signs grants. */
export const formerKeysFile = 'keyring.age'
export const formerSigningFile = 'delegate.age'
const stage = 'keys.next'
const marker = 'keys.migrating'
const headsAtOnce = 1024

/** @throws SlurpError CONFIG_INVALID where a former release left whole keys, or a peer that was granted nothing. */
export function refuseFormer(dir: string): void {
  const has = (file: string) => existsSync(join(dir, file))
  const refuse = (what: string) => {
    throw new SlurpError('CONFIG_INVALID', `${dir} ${what}, as a former release did.`, {
      hint: 'Run `slurp key migrate --dir DIR` where the directories of all peers of this fleet and `authority` are.',
    })
  }
  if (has(formerKeysFile) || has(formerSigningFile) || has(stage)) refuse('keeps whole keys')
  if (isGrantless(dir)) refuse('has no grant')
}

/** A peer that came back as another one may lack its own grant for a while; it knows those of others. */
const isGrantless = (dir: string): boolean =>
  existsSync(join(dir, registryFile)) &&
  !existsSync(join(dir, grantFile)) &&
  !existsSync(join(dir, grantsFile))

export type Migrated = {
  /** Directories that were brought up to this release, by name. */
  readonly migrated: readonly string[]
}

/**
 * Deals the keys that a former release kept whole, in `keyring.age` and `delegate.age`, and deletes those files; grants
 * every member what it could do before, where there were no grants yet. All directories of the fleet lie in `dir`, none of its peers runs.
 * Everything is made beside what is there; then one file says that it is whole, and from there on it goes only forward:
 * interrupted at any point, it is begun again or brought to its end by the next run.
 *
 * What was written before counts without a grant, up to the latest version on any of the disks or to now.
 *
 * @param passphrase - of sealed identities.
 * @param source - where the authority is; in `DIR/authority` when left out.
 * @throws SlurpError DATA_MISSING, DIRECTORY_TAKEN while a peer runs, CONFIG_INVALID when a member's directory is not there.
 */
export async function migrateKeys(
  dir: string,
  passphrase?: PassphraseSource,
  source: AuthoritySource = { authority: join(dir, 'authority', 'authority.key'), shares: [] },
): Promise<Migrated> {
  if (existsSync(join(dir, marker))) return await finish(dir)
  const all = readdirSync(dir)
  const former = all.filter(name => isFormer(join(dir, name)))
  if (former.length === 0) return { migrated: [] }
  const names = all.filter(name => former.includes(name) || isPeer(join(dir, name)))
  const authority = await authorityFrom(source)
  const closers: (() => Promise<void>)[] = []
  try {
    const peers = await Promise.all(names.map(name => openPeer(join(dir, name), name, closers, passphrase)))
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
    await prepare(dir, authority, members, 1 + Math.max(Date.now(), ...peers.map(peer => peer.latestMs)))
    const done = names.filter(name => former.includes(name) || members.some(member => member.name === name))
    writePrivately(join(dir, marker), JSON.stringify(done))
    return await finish(dir)
  } finally {
    for (const close of closers) await close()
  }
}

/** Makes all that is new, beside what is there. @param grantlessBeforeMs - for a fleet without grants. */
async function prepare(
  dir: string,
  authority: Authority,
  members: readonly FormerPeer[],
  grantlessBeforeMs: number,
): Promise<void> {
  const former = await formerSigningKey(dir, members)
  const key = former ?? (await newDelegateKey())
  const dealt = await dealAnew(authority, members, dir, key, former !== null)
  const issuer = former === null ? await newIssuer(authority, grantlessBeforeMs, { key }) : null
  for (const { name, identity, roles } of members) {
    const path = join(dir, name, stage)
    rmSync(path, { recursive: true, force: true })
    await mkdir(path, { mode: 0o700 })
    const { peerId: peer } = identity
    if (dealt !== null) await furnishKeys(path, peer, dealt)
    if (issuer !== null) await furnishGrant(path, issuer, { peer, name, hasRoles: roles.length > 0 })
  }
  key.wipe()
}

/** @returns null where no peer kept the key that signs grants. */
async function formerSigningKey(dir: string, members: readonly FormerPeer[]): Promise<SigningKey | null> {
  for (const { name, identity } of members) {
    const path = join(dir, name, formerSigningFile)
    if (existsSync(path)) return await openDelegateKey(path, identity)
  }
  return null
}

type FormerPeer = {
  readonly name: string
  readonly identity: Identity
  /** Null where its keys are dealt in shares already. */
  readonly keyring: Keyring | null
  readonly roles: readonly RoleName[]
  readonly view: View
  /** Time of the latest version on its disk; 0 without one. */
  readonly latestMs: number
}

const isFormer = (dir: string): boolean =>
  existsSync(join(dir, formerKeysFile)) ||
  existsSync(join(dir, formerSigningFile)) ||
  (isGrantless(dir) && !hasLeft(dir))

/** Of this release, as blind peers of the one before it are. */
const isPeer = (dir: string): boolean =>
  existsSync(join(dir, 'identity.key')) && existsSync(join(dir, registryFile)) && !hasLeft(dir)

/** Its disk stays open until all is done, so that nobody starts it meanwhile. */
async function openPeer(
  dir: string,
  name: string,
  closers: (() => Promise<void>)[],
  passphrase: PassphraseSource | undefined,
): Promise<FormerPeer> {
  const identity = await loadIdentity(join(dir, 'identity.key'), passphrase)
  const { view: first } = verifyFleetRecord(readFileSync(join(dir, 'fleet.json')))
  const path = join(dir, formerKeysFile)
  const keyring = existsSync(path) ? await openKeyring(path, identity) : null
  const roles = keyring?.heldRoles ?? rolesIn(dir, first.fleet, identity.peerId)
  const joined = join(dir, 'joined.view')
  const view = existsSync(joined) ? decodeView(readFileSync(joined)) : first
  const found = { name, identity, keyring, roles }
  if (hasLeft(dir) || !existsSync(join(dir, 'data'))) return { ...found, view, latestMs: 0 }
  const opened = await openLevelDisk({ dir: join(dir, 'data'), expectExisting: true })
  closers.push(() => opened.close())
  const { view: now } = startingView(opened.disk, view)
  return {
    ...found,
    view: now,
    latestMs: await latestOn(localHistories(opened.disk, identity.peerId, () => now)),
  }
}

const rolesIn = (dir: string, fleet: FleetId, peer: PeerId): RoleName[] =>
  entitledTo(decodeRegistry(readRegistry(join(dir, registryFile)), fleet), peer).filter(isRole) as RoleName[]

async function latestOn(local: LocalHistories): Promise<number> {
  let latestMs = 0
  let after: ContextKey | null = null
  for (;;) {
    const last = (local.partitionsTotal() - 1) as PartitionId
    const { entries, isLast } = await local.heads(0 as PartitionId, after, headsAtOnce, last)
    for (const { value } of entries) if (value !== null) latestMs = Math.max(latestMs, hlcMs(value.version))
    after = entries.at(-1)?.key ?? after
    if (isLast) return latestMs
  }
}

/** @returns null where every secret is dealt already. @param signingKey - to be dealt where the fleet shares none yet. */
async function dealAnew(
  authority: Authority,
  members: readonly FormerPeer[],
  dir: string,
  signingKey: SigningKey,
  hasGrants: boolean,
): Promise<DealtSecrets | null> {
  const plan = {
    authority,
    members: members.map(({ identity, roles }) => ({
      peer: identity.peerId,
      recipient: identity.ageRecipient,
      roles,
    })),
    createdAtMs: null,
  }
  const signingSecret = signingKey.seed()
  try {
    const keyrings = members.flatMap(({ keyring }) => keyring ?? [])
    if (keyrings.length === 0) {
      const registry = registryOf(authority.fleet, members, dir)
      const isShared = registry.secrets.some(({ name }) => name === signingKeyName)
      if (!isShared) return await dealSigning(registry, plan, signingSecret)
      if (hasGrants) return null
      throw new SlurpError(
        'CONFIG_INVALID',
        `The peers in ${dir} share a key that signs grants, and have none.`,
      )
    }
    if (keyrings.length < members.length)
      throw new SlurpError('CONFIG_INVALID', `In ${dir} only some of the peers keep whole keys.`)
    return await dealSecrets({ ...plan, ...keysOf(keyrings, join(dir, members[0]!.name)), signingSecret })
  } finally {
    wipe(signingSecret)
  }
}

/** What the copies of all members say together. */
const registryOf = (fleet: FleetId, members: readonly FormerPeer[], dir: string): Registry =>
  members
    .map(({ name }) => decodeRegistry(readRegistry(join(dir, name, registryFile)), fleet))
    .reduce((one, other) => merged(one, other))

/** @param dir - of any member. */
function keysOf(keyrings: readonly Keyring[], dir: string) {
  const roleKeys = new Map<string, RoleKey>()
  let fleetSecret: Uint8Array | null = null
  for (const keyring of keyrings) {
    fleetSecret ??= keyring.fleetSecret
    for (const key of keyring.content().roleKeys) roleKeys.set(`${key.name}/${key.keyVersion}`, key)
  }
  const { roles } = verifyFleetRecord(readFileSync(join(dir, 'fleet.json')))
  const lost = roles.find(
    ({ name, keyVersion, recipient }) =>
      roleKeys.get(`${name}/${keyVersion}`)?.identity.recipient.text !== recipient,
  )
  if (fleetSecret !== null && lost === undefined) return { fleetSecret, roleKeys: [...roleKeys.values()] }
  const what = lost === undefined ? 'the secret of the fleet' : `the key of the role ${lost.name as RoleName}`
  throw new SlurpError('DATA_MISSING', `No peer of ${dir} or beside it has ${what}.`)
}

/** What was made is whole: it takes its place, and whole keys are deleted. Safe to repeat. */
async function finish(dir: string): Promise<Migrated> {
  const migrated = JSON.parse(readFileSync(join(dir, marker), 'utf8')) as string[]
  for (const name of migrated) {
    const at = (file: string) => join(dir, name, file)
    moveShares(join(at(stage), sharesFolder), at(sharesFolder))
    for (const file of [registryFile, grantFile])
      if (existsSync(join(at(stage), file))) renameSync(join(at(stage), file), at(file))
    for (const file of [formerKeysFile, formerSigningFile]) if (existsSync(at(file))) await shred(at(file))
    rmSync(at(stage), { recursive: true, force: true })
  }
  rmSync(join(dir, marker))
  return { migrated }
}

/** One by one: shares of other secrets may be there already. */
function moveShares(from: string, to: string): void {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const file of readdirSync(from)) renameSync(join(from, file), join(to, file))
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
