import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { type ContextKey, type FleetId, isRoleName, type RoleName } from '../base/ids.ts'
import { initialView, type Member } from '../dht/view.ts'
import { type Authority, createAuthority, newAuthority } from './authority.ts'
import { type Custodian, checkCustodians, splitAuthority } from './authority-shares.ts'
import { newFleetSecret } from './context-key.ts'
import { sha256Hex } from './digest.ts'
import { codeOf } from './failure-code.ts'
import { encodeFleetRecord, type FleetRecord, signFleetRecord } from './fleet-record.ts'
import { furnishGrant, furnishGranter, newIssuer } from './grants/first-grants.ts'
import { createIdentity, type Identity } from './identity.ts'
import { newNetworkKey, writeNetworkKey } from './network-key.ts'
import { dealSecrets, furnishKeys } from './registry/genesis.ts'
import { defaultRoles, newRoleKey, rolesMax } from './roles.ts'
import { writeNewSecretFile } from './secret-file.ts'
import { wipe } from './shares/share.ts'

const partitionCount = 256
const memberNameShape = /^[a-z][a-z0-9-]{0,31}$/
const authorityName = 'authority'
const granterName = 'granter'

export type FleetPlan = {
  /** New, or an empty directory. */
  readonly dir: string
  /** Names of directories below `dir`, 1 to 32 of `a-z 0-9 -` each. */
  readonly memberNames: readonly string[]
  /** The default roles when left out. */
  readonly roles?: readonly string[]
  readonly replicas: number
  /** Seals the identity of every member. */
  readonly passphrase?: Uint8Array
  /** Whether the peers share a network key, without which nobody can speak with them. */
  readonly privateNetwork?: boolean
  /** Roles that a member is entitled to; none makes it blind. */
  rolesOf(memberName: string): readonly string[]
  /** Among whom the key of the authority is split; left out, it stays whole in its file. */
  readonly custody?: { readonly threshold: number; readonly custodians: readonly Custodian[] } | null
}

export type CreatedMember = { readonly name: string; readonly id: Identity['peerId']; readonly dir: string }
export type CreatedFleet = {
  readonly fleet: FleetId
  readonly record: FleetRecord
  readonly members: readonly CreatedMember[]
  /** The agent that grants, where all members are blind; else null. */
  readonly granter: CreatedMember | null
}

/**
 * Makes the keys of a fleet and the directory of every peer (docs/ARCHITECTURE.md, "Directory of one peer"):
 * identity, signed fleet record, registry of keys, shares and grant. Everything is made beside `dir` and moved there in
 * one step, so that a crash leaves a whole fleet or none.
 *
 * @throws SlurpError DIRECTORY_TAKEN when `dir` is not empty; USAGE for names or counts that cannot be, and for a
 * role that no member is given, where some are given any: nobody could ever open what is sealed to it. Where all members
 * are blind, an agent is made that can grant others what they may open: `DIR/granter`.
 */
export async function createFleet(plan: FleetPlan): Promise<CreatedFleet> {
  const roles = checkPlan(plan)
  if (plan.custody) checkCustodians(plan.custody.custodians, plan.custody.threshold)
  const dir = resolve(plan.dir)
  await refuseTaken(dir)
  const draft = `${dir}.creating-${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(dir), { recursive: true })
    await mkdir(draft, { mode: 0o700 })
    const { record, identities, granter } = await furnish(draft, plan, roles)
    await moveIntoPlace(draft, dir)
    const members = plan.memberNames.map((name, place) => ({
      name,
      id: identities[place]!.peerId,
      dir: join(dir, name),
    }))
    const named = granter && { name: granterName, id: granter.peerId, dir: join(dir, granterName) }
    return { fleet: record.view.fleet, record, members, granter: named }
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function furnish(draft: string, plan: FleetPlan, roles: readonly RoleName[]) {
  await mkdir(join(draft, authorityName), { mode: 0o700 })
  // Where it is split its key is in memory only, from the first moment on.
  const authority = plan.custody
    ? await newAuthority()
    : await createAuthority(join(draft, authorityName, 'authority.key'))
  const { fleet } = authority
  const identities: Identity[] = []
  const networkKey = plan.privateNetwork ? newNetworkKey() : null
  for (const name of plan.memberNames) {
    await mkdir(join(draft, name), { mode: 0o700 })
    if (networkKey !== null) await writeNetworkKey(join(draft, name), networkKey)
    identities.push(await createIdentity(join(draft, name, 'identity.key'), plan.passphrase))
  }
  const members = plan.memberNames.map(
    (name, place): Member => ({ id: identities[place]!.peerId, name, weight: 1, zone: name }),
  )
  const hash = (text: string) => sha256Hex(text) as string as ContextKey
  const view = initialView({ fleet, members, replicas: plan.replicas, partitionCount, hash })
  const roleKeys = roles.map(name => newRoleKey(name))
  const recipients = roleKeys.map(({ name, keyVersion, identity }) => ({
    name,
    keyVersion,
    recipient: identity.recipient.text,
  }))
  const record = signFleetRecord(authority, { view, roles: recipients })
  const recordBytes = encodeFleetRecord(record)
  const isBlind = plan.memberNames.every(name => plan.rolesOf(name).length === 0)
  const issuer = await newIssuer(authority, 0, isBlind ? { signs: 'members' } : {})
  const fleetSecret = newFleetSecret()
  const signingSecret = issuer.key.seed()
  const given = plan.memberNames.map((name, place) => ({
    peer: identities[place]!.peerId,
    recipient: identities[place]!.ageRecipient,
    roles: plan.rolesOf(name) as readonly RoleName[],
  }))
  const dealt = await dealSecrets({
    authority,
    members: given,
    roleKeys,
    fleetSecret,
    signingSecret,
    signsMembersOnly: isBlind,
    createdAtMs: Date.now(),
  })
  wipe(fleetSecret, signingSecret)
  for (const { identity } of roleKeys) identity.wipe()
  for (const [place, name] of plan.memberNames.entries()) {
    await writeFile(join(draft, name, 'fleet.json'), recordBytes, { flag: 'wx', flush: true })
    const { peer, roles: rolesOfMember } = given[place]!
    await furnishKeys(join(draft, name), peer, dealt)
    await furnishGrant(join(draft, name), issuer, { peer, name, hasRoles: rolesOfMember.length > 0 })
  }
  issuer.key.wipe()
  await writeFile(join(draft, authorityName, 'fleet.json'), recordBytes, { flag: 'wx', flush: true })
  if (plan.custody) {
    for (const [name, share] of await splitAuthority(
      authority,
      plan.custody.custodians,
      plan.custody.threshold,
    )) {
      await writeNewSecretFile(join(draft, authorityName, `${name}.share.age`), share)
    }
  }
  const granter = isBlind ? await furnishAgent(draft, plan, authority, recordBytes, networkKey) : null
  return { record, identities, granter }
}

/** Where no member may open anything, no member may grant it either: an agent does. */
async function furnishAgent(
  draft: string,
  { memberNames, passphrase }: FleetPlan,
  authority: Authority,
  recordBytes: Uint8Array,
  networkKey: Uint8Array | null,
): Promise<Identity> {
  const dir = join(draft, granterName)
  await mkdir(dir, { mode: 0o700 })
  if (networkKey !== null) await writeNetworkKey(dir, networkKey)
  const identity = await createIdentity(join(dir, 'identity.key'), passphrase)
  await writeFile(join(dir, 'fleet.json'), recordBytes, { flag: 'wx', flush: true })
  const issuer = await newIssuer(authority, 0, { signs: 'agents' })
  const { peerId: peer, ageRecipient: recipient } = identity
  const chain = await furnishGranter(dir, issuer, { peer, name: granterName, recipient })
  issuer.key.wipe()
  for (const name of memberNames)
    await writeNewSecretFile(join(draft, name, 'grants.ndjson'), Buffer.from(`${JSON.stringify(chain)}\n`))
  return identity
}

/** @returns the roles of the fleet. */
function checkPlan({ memberNames, roles = defaultRoles, replicas, rolesOf }: FleetPlan): readonly RoleName[] {
  const badName = memberNames.find(
    name => !memberNameShape.test(name) || name === authorityName || name === granterName,
  )
  if (badName !== undefined) throw usage(`"${badName}" is no name for a peer: 1 to 32 of a-z, 0-9 and -.`)
  if (memberNames.length === 0 || new Set(memberNames).size !== memberNames.length) {
    throw usage('The peers are none or one of them twice.')
  }
  if (!Number.isSafeInteger(replicas) || replicas < 1 || replicas > memberNames.length) {
    throw usage(`A fleet of ${memberNames.length} peers has 1 to ${memberNames.length} replicas.`)
  }
  const badRole = roles.find(role => !isRoleName(role))
  if (badRole !== undefined) throw usage(`"${badRole}" is no name for a role.`)
  if (roles.length === 0 || roles.length > rolesMax || new Set(roles).size !== roles.length) {
    throw usage(`A fleet has 1 to ${rolesMax} roles, each of them once.`)
  }
  const given = new Set(memberNames.flatMap(name => rolesOf(name)))
  const stranger = [...given].find(role => !roles.includes(role))
  if (stranger !== undefined) throw usage(`A peer is given the role "${stranger}", which the fleet has not.`)
  const orphan = given.size === 0 ? undefined : roles.find(role => !given.has(role))
  if (orphan !== undefined) {
    throw usage(`No peer is given the role "${orphan}", so nobody could open what is sealed to it.`)
  }
  return roles as readonly RoleName[]
}

async function refuseTaken(dir: string): Promise<void> {
  try {
    const entries = await readdir(dir)
    if (entries.length === 0) return
  } catch (failure) {
    if (codeOf(failure) === 'ENOENT') return
    if (codeOf(failure) !== 'ENOTDIR') throw failure
  }
  throw taken(dir)
}

/** The rename is the moment of birth; onto an empty directory it is atomic, onto anything else it fails. */
async function moveIntoPlace(draft: string, dir: string): Promise<void> {
  try {
    await rename(draft, dir)
  } catch (failure) {
    const code = codeOf(failure)
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw taken(dir)
    if (code !== 'EBUSY' && code !== 'EXDEV') throw failure
    throw new SlurpError('USAGE', `${dir} is a mount point; a fleet cannot be moved onto it in one step.`, {
      hint: 'Name a directory below it.',
    })
  }
}

const taken = (dir: string) => new SlurpError('DIRECTORY_TAKEN', `${dir} exists and is not empty.`)
const usage = (message: string) => new SlurpError('USAGE', message)
