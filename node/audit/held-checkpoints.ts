import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sameBytes } from '../../base/bytes.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { type Checkpoint, checkpointBytes, openCheckpoint } from '../../crypto/audit/checkpoint.ts'

/** Kept of one peer: when there are more, every second one of the older half goes. */
const checkpointsOfPeerMax = 512
const fileShape = /^(12D3KooW[1-9A-HJ-NP-Za-km-z]{44})\.held$/
const privateMode = 0o600
const privateFolder = 0o700

export type Heard =
  | 'kept'
  | 'known'
  /** Not signed by its peer, of another fleet, or of no member. */
  | 'refused'
  /** The peer signed something else before: its log was cut or changed since. Both are kept. */
  | 'contradicts'

type Of = { readonly bytes: Uint8Array; readonly checkpoint: Checkpoint }
type Peer = { kept: Of[]; unsaved: Of[]; mustRewrite: boolean; contradicts: boolean }

/** Checkpoints of the other peers, as they told them: what cannot be taken back by who holds their disks. */
export class HeldCheckpoints {
  readonly #dir: string
  readonly #fleet: FleetId
  readonly #isMember: (peer: PeerId) => boolean
  readonly #peers = new Map<PeerId, Peer>()
  #saving: Promise<void> = Promise.resolve()

  private constructor(dir: string, fleet: FleetId, isMember: (peer: PeerId) => boolean) {
    this.#dir = dir
    this.#fleet = fleet
    this.#isMember = isMember
  }

  static async open(
    dir: string,
    fleet: FleetId,
    isMember: (peer: PeerId) => boolean,
  ): Promise<HeldCheckpoints> {
    const held = new HeldCheckpoints(dir, fleet, isMember)
    for (const { bytes, checkpoint } of await readHeld(dir))
      if (checkpoint.fleet === fleet) held.#take(bytes, checkpoint, true)
    return held
  }

  /** @param from - who signed the news in which it came. */
  hear(from: PeerId, bytes: Uint8Array): Heard {
    if (!this.#isMember(from)) return 'refused'
    const checkpoint = openCheckpoint(bytes)
    if (checkpoint === null || checkpoint.peer !== from || checkpoint.fleet !== this.#fleet) return 'refused'
    return this.#take(Uint8Array.from(bytes), checkpoint, false)
  }

  /** Peers whose log is not what they signed before. */
  get contradicted(): PeerId[] {
    return [...this.#peers].filter(([, { contradicts }]) => contradicts).map(([peer]) => peer)
  }

  all(): Checkpoint[] {
    return [...this.#peers.values()].flatMap(({ kept }) => kept.map(({ checkpoint }) => checkpoint))
  }

  /** As they came, for who compares. */
  encoded(): Uint8Array[] {
    return [...this.#peers.values()].flatMap(({ kept }) => kept.map(({ bytes }) => bytes))
  }

  /** Writes what is new to the disk. Calls follow one another. @throws when the disk takes nothing; the next call tries again. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => undefined).then(() => this.#saveAll())
    return this.#saving
  }

  #take(bytes: Uint8Array, checkpoint: Checkpoint, isSaved: boolean): Heard {
    const peer = this.#peers.get(checkpoint.peer) ?? newPeer()
    this.#peers.set(checkpoint.peer, peer)
    const same = peer.kept.find(
      ({ checkpoint: { seq, hash } }) => seq === checkpoint.seq && sameBytes(hash, checkpoint.hash),
    )
    if (same !== undefined) return 'known'
    const contradicts = peer.kept.some(each => disagree(each.checkpoint, checkpoint))
    peer.contradicts ||= contradicts
    peer.kept.push({ bytes, checkpoint })
    if (!isSaved) peer.unsaved.push({ bytes, checkpoint })
    if (peer.kept.length > checkpointsOfPeerMax) {
      const half = checkpointsOfPeerMax / 2
      const disputed = (one: Of) =>
        peer.contradicts && peer.kept.some(each => disagree(each.checkpoint, one.checkpoint))
      peer.kept = peer.kept
        .filter((each, i) => i >= half || i % 2 === 0 || disputed(each))
        .slice(-2 * checkpointsOfPeerMax)
      peer.mustRewrite = true
    }
    return contradicts ? 'contradicts' : 'kept'
  }

  async #saveAll(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: privateFolder })
    for (const [id, peer] of this.#peers) {
      const path = join(this.#dir, `${id}.held`)
      if (peer.mustRewrite) {
        const draft = `${path}.draft`
        await writeFile(draft, Buffer.concat(peer.kept.map(({ bytes }) => bytes)), { mode: privateMode })
        await rename(draft, path)
        peer.mustRewrite = false
        peer.unsaved = []
      } else if (peer.unsaved.length > 0) {
        const { unsaved } = peer
        peer.unsaved = []
        await appendFile(path, Buffer.concat(unsaved.map(({ bytes }) => bytes)), { mode: privateMode })
      }
    }
  }
}

const newPeer = (): Peer => ({ kept: [], unsaved: [], mustRewrite: false, contradicts: false })

/** Of one log the later checkpoint has the higher number, and one number one hash. */
function disagree(a: Checkpoint, b: Checkpoint): boolean {
  if (a.seq === b.seq) return !sameBytes(a.hash, b.hash)
  return a.seq < b.seq !== a.hlc < b.hlc
}

/** All checkpoints in the files of a folder that are whole and signed; none where there is no folder. */
export async function readHeld(dir: string): Promise<Of[]> {
  const names = await readdir(dir).catch(() => [])
  const found: Of[] = []
  for (const name of names.filter(each => fileShape.test(each)).sort()) {
    const bytes = await readFile(join(dir, name))
    for (let at = 0; at + checkpointBytes <= bytes.length; at += checkpointBytes) {
      const one = Uint8Array.from(bytes.subarray(at, at + checkpointBytes))
      const checkpoint = openCheckpoint(one)
      if (checkpoint !== null) found.push({ bytes: one, checkpoint })
    }
  }
  return found
}
