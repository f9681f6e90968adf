import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootTag, newClock, nextHlc } from '../../base/hlc.ts'
import type { Digest, PeerId } from '../../base/ids.ts'
import { verifyFleetRecord } from '../../crypto/fleet-record.ts'
import { decodeGrantFile, encodeGrantFile } from '../../crypto/grants/chain-text.ts'
import { newGrantId, openDelegate, openGrantChain, signGrant } from '../../crypto/grants/grant-chain.ts'
import { type Grant, grantMsMax, type Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { clockTagOf, type Identity, loadIdentity } from '../../crypto/identity.ts'
import { type Libp2pPeer, startLibp2p } from '../../node/adapters/libp2p/start.ts'
import { decodeFrame, encodeFrame } from '../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { type KeyFleet, until } from '../keys/fleets.ts'
import { signingKeyOn } from '../keys/stolen.ts'

/** A process with the key and the directory of a member, that sends what a test wants. */
export type Attacker = {
  readonly name: string
  readonly identity: Identity
  readonly libp2p: Libp2pPeer
  /** Hash and id of the grant that it shows. */
  readonly grant: Digest
  readonly grantId: string
  readonly linked: Set<PeerId>
  /** Is given each message that comes without being asked for; what it returns is sent back. */
  answering: (from: PeerId, message: PeerMessage) => PeerMessage | null
  /** Asks one peer; the answer to this very question. */
  ask(to: PeerId, message: (id: number) => PeerMessage): Promise<PeerMessage>
  /** Sends without waiting for anything. */
  tell(to: PeerId, message: PeerMessage, clockMs?: number): void
  /** Sends bytes as one frame. */
  raw(to: PeerId, bytes: Uint8Array): void
}

/** A grant for anybody, signed with the key that enough disks of a fleet give: what it signs when it is asked to. */
export async function signedGrant(
  fleet: KeyFleet,
  signer: string,
  more: Partial<Grant> & Pick<Grant, 'subject' | 'name'>,
): Promise<{ delegate: string; grant: string }> {
  const dir = join(fleet.dir, signer)
  const { authorityPublicKey, view } = verifyFleetRecord(readFileSync(join(dir, 'fleet.json')))
  const { delegate } = decodeGrantFile(readFileSync(join(dir, 'grant.json')))
  const issuer = await openDelegate(delegate, authorityPublicKey)
  const key = await signingKeyOn(
    fleet.names.map(name => join(fleet.dir, name)),
    view.fleet,
  )
  const nowMs = Date.now()
  const issuedAtMs = more.issuedAtMs ?? nowMs
  const grant = await signGrant(key, issuer, {
    id: newGrantId(),
    subjectKind: 'peer',
    bearer: null,
    issuedAtMs,
    notBeforeMs: issuedAtMs,
    expiresMs: issuedAtMs + grantMsMax,
    limits: memberLimits(true),
    ...more,
  })
  return { delegate, grant }
}

/**
 * A member whose process is replaced. It is not to run; peers of the fleet may or may not.
 *
 * @param limits - of its grant.
 */
export async function takeOver(fleet: KeyFleet, name: string, limits: Limits): Promise<Attacker> {
  const dir = join(fleet.dir, name)
  const identity = await loadIdentity(join(dir, 'identity.key'))
  const { authorityPublicKey, view } = verifyFleetRecord(readFileSync(join(dir, 'fleet.json')))
  const chain = await signedGrant(fleet, 'p1', { subject: identity.peerId, name, limits })
  writeFileSync(join(dir, 'grant.json'), encodeGrantFile(chain))
  const { grantHash, grant } = await openGrantChain(chain, authorityPublicKey)
  const linked = new Set<PeerId>()
  const waiting = new Map<number, (message: PeerMessage) => void>()
  const libp2p = await startLibp2p({
    privateKey: identity.privateKey,
    networkKey: null,
    fleet: view.fleet,
    listen: { host: '127.0.0.1', port: fleet.places.get(name)!.port },
    bootstrap: fleet.names.filter(each => each !== name).map(each => fleet.places.get(each)!.address),
    known: {},
    members: () => view.members,
    epoch: () => view.epoch,
    incarnation: 1,
    guard: {
      shown: () => `${chain.delegate}\n${chain.grant}`,
      admits: async () => null,
      stays: () => true,
      isBarred: () => false,
      isAgent: () => false,
      answer: async () => null,
    },
    verifyRecord: () => null,
    onAddresses: () => undefined,
  })
  const clock = newClock(bootTag(clockTagOf(identity.peerId), 1))
  let asked = 0
  const attacker: Attacker = {
    name,
    identity,
    libp2p,
    grant: grantHash,
    grantId: grant.id,
    linked,
    answering: () => null,
    tell(to, message, clockMs = Date.now()) {
      // A clock that is far ahead stays with the message that it was for.
      const hlc = clockMs > Date.now() + 1_000 ? newClock(clock.tag) : clock
      libp2p.network.send(to, encodeFrame({ clock: nextHlc(hlc, clockMs), messages: [message] }))
    },
    raw: (to, bytes) => void libp2p.network.send(to, bytes),
    async ask(to, message) {
      const id = ++asked
      let answer: PeerMessage | null = null
      waiting.set(id, message => {
        answer = message
      })
      const send = () => attacker.tell(to, message(id))
      // As the protocol does: what is lost is sent again.
      const again = setInterval(send, 500)
      send()
      try {
        await until(`an answer to ${message(id).kind}`, () => answer !== null, 30_000)
      } finally {
        clearInterval(again)
        waiting.delete(id)
      }
      return answer!
    },
  }
  libp2p.network.listen({
    peerConnected: peer => linked.add(peer),
    peerLost: peer => linked.delete(peer),
    frameArrived: (from, frame) => {
      for (const message of decodeFrame(frame).messages) {
        const { id } = message as { id?: number }
        const isAnswer = answers.has(message.kind) && typeof id === 'number'
        if (isAnswer && waiting.has(id)) waiting.get(id)!(message)
        else {
          const said = attacker.answering(from, message)
          if (said !== null) attacker.tell(from, said)
        }
      }
    },
  })
  return attacker
}

/** What comes back for a question; anything else is one itself. */
const answers: ReadonlySet<string> = new Set(['accepted', 'refused', 'promise', 'report', 'reply', 'chain'])

/** Peers take part once the time of the fleet is known; before that they answer nothing. */
export async function takePart(fleet: KeyFleet, names: readonly string[]): Promise<void> {
  for (const name of names)
    await until(`${name} takes part`, () =>
      fleet
        .peer(name)
        .store.storeContext(`ucxl://any:any@ready:any/*^/${name}`, { title: 'ready' })
        .then(
          () => true,
          () => false,
        ),
    )
}
