import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { bootTag, newClock, nextHlc } from '../base/hlc.ts'
import type { FleetId, PeerId } from '../base/ids.ts'
import { encodeGrantFile, splitChain } from '../crypto/grants/chain-text.ts'
import {
  clockTagOf,
  createIdentity,
  type Identity,
  inspectIdentity,
  loadIdentity,
} from '../crypto/identity.ts'
import { readNetworkKey } from '../crypto/network-key.ts'
import { registryFile, sharesFolder } from '../crypto/registry/genesis.ts'
import { entitledTo, withEntitlement } from '../crypto/registry/registry.ts'
import { decodeRegistry, encodeRegistry } from '../crypto/registry/registry-codec.ts'
import { entitle } from '../crypto/registry/statements.ts'
import type { PassphraseSource } from '../crypto/sealed-key.ts'
import { writeNewSecretFile } from '../crypto/secret-file.ts'
import { checkView, type View } from '../dht/view.ts'
import type { LinkGuard } from './adapters/libp2p/network.ts'
import { type Libp2pPeer, startLibp2p } from './adapters/libp2p/start.ts'
import { systemClock } from './adapters/system-clock.ts'
import { auditDir } from './audit/verify-directory.ts'
import { DecodeError } from './driver/codec/reader.ts'
import { decodeView, encodeView } from './driver/codec/view.ts'
import { decodeFrame, encodeFrame } from './driver/codec/wire.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import { handedOn, handOnGrant, type Inheritance } from './grants/hand-on.ts'
import { linkGuard, timeOf } from './grants/links.ts'
import { SharedSigningKey } from './grants/shared-signing-key.ts'
import { readRegistry } from './keys/registry-book.ts'
import type { PeerMessage } from './peer/fleet-messages.ts'
import { readPeerFile, writePeerFile, writePrivately } from './peer-settings.ts'
import type { PeerOptions } from './running-peer.ts'

/** What the new identity needs, before it takes the place of the old one. The view is written last and goes last. */
const draft = {
  identity: 'identity.key.next',
  registry: 'keys.registry.next',
  view: 'joined.view.next',
} as const
const askedForMs = 60_000
/** For the view alone, where an attempt was begun before. */
const begunForMs = 10_000
const askEveryMs = 1_000

type Question = Extract<PeerMessage, { kind: 'viewAsked' | 'replaceAsked' }>

/** As whom members are asked, what is shown to them, and what is asked to have something to show. */
type Asker = {
  readonly self: Identity
  readonly guard: LinkGuard
  readonly keeper: GrantKeeper
  readonly tend: () => Promise<void>
}

export type KnownFleet = {
  readonly view: View
  /** 32 bytes. */
  readonly authorityPublicKey: Uint8Array
  /** Where the members were last met. */
  readonly known: Readonly<Record<PeerId, readonly string[]>>
}

/**
 * A peer whose data is gone must not come back under its old id, as it has forgotten what it promised (rule 3). It makes
 * itself a new identity and asks, once more under the old one, to be replaced by that. The fleet then copies to the new
 * member what the old one had, and nobody has to do anything. It may be interrupted anywhere: the next start goes on.
 *
 * @throws SlurpError QUORUM_UNREACHED when no member agrees in time.
 */
export async function reenter(options: PeerOptions, fleet: KnownFleet): Promise<void> {
  const { dir, log } = options
  const old = await loadIdentity(join(dir, 'identity.key'), options.passphrase)
  const isBegun = existsSync(join(dir, draft.registry))
  const fresh = await freshIdentity(dir, old, fleet.view.fleet, options.passphrase)
  const name = nextName(readPeerFile(dir).name, fleet.view)
  const keeper = await GrantKeeper.open({
    dir,
    identity: old,
    fleet: fleet.view.fleet,
    authorityPublicKey: fleet.authorityPublicKey,
    nameOf: () => null,
    key: new SharedSigningKey(),
    time: () => timeOf(null),
    log,
  })
  const inheritance = handOnGrant(dir, keeper.shown, old, fleet.view.fleet, fresh.peerId)
  log.error(
    { old: old.peerId, new: fresh.peerId, name },
    'the data of this peer is gone: it comes back as another one',
  )
  // Of an attempt that was interrupted: when the fleet has agreed already, nobody lets the old one in any more.
  const begun = isBegun ? await askForView(options, asHeir(dir, keeper, fresh, inheritance), fleet) : null
  const asOld = { self: old, keeper, guard: linkGuard(keeper), tend: () => keeper.upkeep() }
  const view = begun ?? (await askToBeReplaced(options, asOld, { id: fresh.peerId, name }, fleet))
  await writeNewSecretFile(join(dir, draft.view), encodeView(view))
  await finishReentry(dir, options.passphrase)
}

/** Asks as who it will be: to be granted what it had, and then what is asked with that. */
function asHeir(dir: string, keeper: GrantKeeper, self: Identity, inheritance: Inheritance | null): Asker {
  let shown = ''
  let isAsking = false
  const tend = async () => {
    if (isAsking || shown !== '' || inheritance === null) return
    isAsking = true
    shown = (await keeper.sync.askForInheritance(self.peerId, inheritance)) ?? ''
    isAsking = false
    if (shown !== '') writePrivately(join(dir, handedOn['grant.json']), encodeGrantFile(splitChain(shown)))
  }
  return { self, keeper, guard: { ...linkGuard(keeper), shown: () => shown }, tend }
}

/** Puts the new identity in the place of the old one, if the fleet has agreed to it; safe to repeat. */
export async function finishReentry(dir: string, passphrase?: PassphraseSource): Promise<void> {
  const at = (name: string) => join(dir, name)
  if (!existsSync(at(draft.view))) return
  const view = decodeView(readFileSync(at(draft.view)))
  if (existsSync(at(draft.registry))) renameSync(at(draft.registry), at(registryFile))
  for (const [name, next] of Object.entries(handedOn)) {
    if (existsSync(at(next))) renameSync(at(next), at(name))
  }
  if (existsSync(at(draft.identity))) {
    if (existsSync(at('identity.key'))) {
      await setAuditAside(dir, passphrase)
      renameSync(at('identity.key'), at('identity.key.lost'))
    }
    renameSync(at(draft.identity), at('identity.key'))
  }
  // They are sealed to the old key, and of use only until the fleet has dealt anew.
  if (existsSync(at(sharesFolder))) {
    rmSync(at(`${sharesFolder}.lost`), { recursive: true, force: true })
    renameSync(at(sharesFolder), at(`${sharesFolder}.lost`))
  }
  const { peerId } = await loadIdentity(at('identity.key'), passphrase)
  const name = view.members.find(member => member.id === peerId)?.name
  if (name === undefined)
    throw new SlurpError('INTEGRITY_FAILED', `${at(draft.view)} does not name this peer.`)
  writePeerFile(dir, { name, settings: readPeerFile(dir).settings })
  // What is left of the data belongs to a peer that is no more.
  for (const gone of ['data', 'data.watermark', 'data.damage', 'addresses.json'])
    rmSync(at(gone), { recursive: true, force: true })
  renameSync(at(draft.view), at('joined.view'))
}

/** The audit log of the peer that is no more stays as evidence; the new one begins its own. */
async function setAuditAside(dir: string, passphrase: PassphraseSource | undefined): Promise<void> {
  const log = auditDir(dir)
  if (!existsSync(log)) return
  const { peerId } = await loadIdentity(join(dir, 'identity.key'), passphrase)
  renameSync(log, `${log}.lost.${peerId}`)
}

/** What the old one was entitled to, it passes on to the new one, which is sealed by the same passphrase if the old one is. */
async function freshIdentity(
  dir: string,
  old: Identity,
  fleet: FleetId,
  passphrase: PassphraseSource | undefined,
): Promise<Identity> {
  const path = join(dir, draft.identity)
  // Of an attempt that was interrupted: the fleet may know it already.
  if (existsSync(path) && existsSync(join(dir, draft.registry))) return await loadIdentity(path, passphrase)
  for (const begun of [draft.identity, draft.registry]) rmSync(join(dir, begun), { force: true })
  const registry = decodeRegistry(readRegistry(join(dir, registryFile)), fleet)
  const { isSealed } = await inspectIdentity(join(dir, 'identity.key'))
  const fresh = await createIdentity(path, isSealed ? await passphrase?.(path) : undefined)
  const names = entitledTo(registry, old.peerId)
  const heir =
    names.length === 0 ? registry : withEntitlement(registry, entitle(fleet, fresh.peerId, names, old))
  await writeNewSecretFile(join(dir, draft.registry), encodeRegistry(heir))
  return fresh
}

/** `p3` comes back as `p3.2`, that one as `p3.3`. */
function nextName(name: string, view: View): string {
  const [, stem = name] = /^(.+)\.\d+$/.exec(name) ?? []
  for (let number = 2; ; number++) {
    const candidate = `${stem}.${number}`
    if (candidate !== name && !view.members.some(member => member.name === candidate)) return candidate
  }
}

/** As who it will be: the view that names it, when there is one already; null when nobody lets it in. */
async function askForView(options: PeerOptions, fresh: Asker, fleet: KnownFleet): Promise<View | null> {
  try {
    const question = { kind: 'viewAsked', epoch: 0 } as const
    return await ask(options, fresh, question, fresh.self.peerId, fleet, begunForMs)
  } catch (failure) {
    if (failure instanceof SlurpError && failure.code === 'QUORUM_UNREACHED') return null
    throw failure
  }
}

const askToBeReplaced = (
  options: PeerOptions,
  old: Asker,
  by: { readonly id: PeerId; readonly name: string },
  fleet: KnownFleet,
): Promise<View> => ask(options, old, { kind: 'replaceAsked', ...by }, by.id, fleet, askedForMs)

/** Asks members until one tells a view that names `named`. @throws SlurpError QUORUM_UNREACHED. */
async function ask(
  options: PeerOptions,
  { self, guard, keeper, tend }: Asker,
  question: Question,
  named: PeerId,
  fleet: KnownFleet,
  forMs: number,
): Promise<View> {
  const libp2p = await startLibp2p({
    privateKey: self.privateKey,
    networkKey: await readNetworkKey(options.dir),
    fleet: fleet.view.fleet,
    listen: { host: options.host ?? '127.0.0.1', port: options.preferredPort ?? 0 },
    bootstrap: options.bootstrap ?? [],
    known: fleet.known,
    members: () => fleet.view.members,
    epoch: () => fleet.view.epoch,
    guard,
    incarnation: 0,
    verifyRecord: () => null,
    onAddresses: () => undefined,
  })
  keeper.connect(libp2p.questions)
  const tending = setInterval(() => void tend(), askEveryMs)
  try {
    return await answered(libp2p, clockTagOf(self.peerId), question, named, fleet.view, forMs)
  } finally {
    clearInterval(tending)
    await libp2p.stop()
  }
}

function answered(
  { network }: Libp2pPeer,
  clockTag: string,
  question: Question,
  named: PeerId,
  view: View,
  forMs: number,
): Promise<View> {
  const clock = newClock(bootTag(clockTag, 0))
  const connected = new Set<PeerId>()
  return new Promise((resolve, reject) => {
    const askOne = () => {
      const [peer] = [...connected].sort(() => Math.random() - 0.5)
      if (peer === undefined) return
      network.send(peer, encodeFrame({ clock: nextHlc(clock, systemClock.wallMs()), messages: [question] }))
    }
    const asking = setInterval(askOne, askEveryMs)
    const givingUp = setTimeout(() => {
      clearInterval(asking)
      reject(new SlurpError('QUORUM_UNREACHED', 'No member of the fleet took this peer in again in time.'))
    }, forMs)
    network.listen({
      peerConnected: peer => {
        connected.add(peer)
        askOne()
      },
      peerLost: peer => connected.delete(peer),
      frameArrived: (_, frame) => {
        const newer = viewIn(frame)
        if (newer?.fleet !== view.fleet || !newer.members.some(member => member.id === named)) return
        clearInterval(asking)
        clearTimeout(givingUp)
        resolve(newer)
      },
    })
  })
}

function viewIn(frame: Uint8Array): View | null {
  try {
    const told = decodeFrame(frame).messages.find(message => message.kind === 'viewTold')
    return told !== undefined && checkView(told.view) === null ? told.view : null
  } catch (failure) {
    if (failure instanceof DecodeError) return null
    throw failure
  }
}
