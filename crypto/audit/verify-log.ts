import { sameBytes } from '../../base/bytes.ts'
import type { FleetId, Hlc, PeerId } from '../../base/ids.ts'
import { peerKeyFrom } from '../peer-keys.ts'
import { firstLink } from './chain.ts'
import { type Checkpoint, isSigned } from './checkpoint.ts'
import type { AuditEntry } from './entry.ts'
import {
  decodeHeader,
  headerBytes,
  isLinkedAs,
  readRecord,
  type SegmentHeader,
  seqOfName,
} from './segment.ts'

/**
 * What is wrong with the first broken entry: `changed`: it, or what says where it begins; `missing`: others follow, it
 * is not there; `reordered`: it stands elsewhere; `foreign`: another peer's file is in its place; `forged`: the
 * signature over the entries before it is not this peer's; `cut`: the log ends before it, and a checkpoint lies behind;
 * `rewritten`: a checkpoint that somebody else holds knows it, or one before it, under another hash.
 */
export type BreakKind = 'changed' | 'missing' | 'reordered' | 'foreign' | 'forged' | 'cut' | 'rewritten'

export type Break = {
  /** Number of the first broken entry. */
  readonly seq: number
  readonly what: BreakKind
  /** Segment file in which it shows; null where it is in none. */
  readonly segment: string | null
  /** A sentence. */
  readonly detail: string
}

export type LogReport = {
  /** Null for a directory without a readable segment. */
  readonly peer: PeerId | null
  readonly fleet: FleetId | null
  /** Numbers of the first and the last entry that are whole; 0: none. */
  readonly firstSeq: number
  readonly lastSeq: number
  /** HLC of the last whole entry. */
  readonly lastHlc: Hlc | null
  /** The peer's own signature covers the entries up to this one; 0: none. */
  readonly signedTo: number
  readonly checkpoints: number
  /** Checkpoints known from elsewhere that were met, of those that were given. */
  readonly heldMatched: number
  /** Checkpoints known from elsewhere that lie before the first entry that is kept, and say nothing any more. */
  readonly heldTooOld: number
  /** Bytes of an unfinished entry at the end: a crash, no break. */
  readonly tornBytes: number
  /** How often the log itself says that decisions were not recorded, and how many. */
  readonly lost: number
  readonly broken: Break | null
}

export type VerifyOptions = {
  /** Whose log it must be; left out: whoever the first segment names. */
  readonly peer?: PeerId
  /** Checkpoints known from elsewhere, of any peer; those of others are skipped. */
  readonly held?: readonly Checkpoint[]
}

/** Goes through a log segment by segment, in the order of their names, up to the first break. */
export class LogVerifier {
  readonly #held: readonly Checkpoint[]
  readonly #wanted: PeerId | null
  #owner: { peer: PeerId; header: SegmentHeader } | null = null
  /** Of the owner, ascending by number. */
  #awaited: Checkpoint[] = []
  #previous: Uint8Array = new Uint8Array(0)
  #next = 1
  #firstSeq = 0
  #lastHlc: Hlc | null = null
  #signedTo = 0
  #checkpoints = 0
  #heldMatched = 0
  #heldTooOld = 0
  #tornBytes = 0
  #trimmedTo = 0
  /** The last entry that a checkpoint from elsewhere agrees with. */
  #matchedTo = 0
  #lost = 0
  #broken: Break | null = null

  constructor(options: VerifyOptions = {}) {
    this.#wanted = options.peer ?? null
    this.#held = options.held ?? []
  }

  get isBroken(): boolean {
    return this.#broken !== null
  }

  /**
   * The next segment.
   *
   * @param isLast - whether an unfinished entry may stand at its end.
   * @param visit - told of every entry that is whole and in its place.
   */
  segment(
    name: string,
    bytes: Buffer,
    isLast: boolean,
    visit?: (entry: AuditEntry, hash: Uint8Array) => void,
  ): void {
    if (this.#broken !== null) return
    if (isLast && bytes.length < headerBytes) {
      this.#tornBytes = bytes.length
      return
    }
    const header = this.#begin(name, bytes)
    if (header === null) return
    let at = headerBytes
    while (this.#broken === null) {
      const found = readRecord(bytes, at, this.#previous)
      if (found.kind === 'end') return
      if (found.kind === 'torn' && isLast) {
        this.#tornBytes = bytes.length - at
        return
      }
      if (found.kind !== 'entry') return this.#break('changed', name, `it cannot be read at byte ${at}`)
      const { entry, hash, isLinked, end } = found
      if (entry.seq !== this.#next || !isLinked) return this.#misplaced(name, bytes, at, found)
      if (entry.event.kind === 'checkpoint' && !this.#isSignedHere(entry, entry.event.signature))
        return this.#forged(name)
      this.#take(name, entry, hash)
      if (this.#broken === null) visit?.(entry, hash)
      at = end
    }
  }

  /** To be called after the last segment. */
  end(): LogReport {
    if (this.#broken === null) this.#checkEnds()
    const lastSeq = this.#firstSeq === 0 ? 0 : this.#next - 1
    return {
      peer: this.#owner?.peer ?? null,
      fleet: this.#owner?.header.fleet ?? null,
      firstSeq: this.#firstSeq,
      lastSeq,
      lastHlc: this.#lastHlc,
      signedTo: this.#signedTo,
      checkpoints: this.#checkpoints,
      heldMatched: this.#heldMatched,
      heldTooOld: this.#heldTooOld,
      tornBytes: this.#tornBytes,
      lost: this.#lost,
      broken: this.#broken,
    }
  }

  #begin(name: string, bytes: Buffer): SegmentHeader | null {
    if (this.#owner === null) this.#next = seqOfName(name) ?? 1
    const header = decodeHeader(bytes)
    if (header === null) return this.#refuse('changed', name, 'the start of its segment cannot be read')
    const { peer } = peerKeyNamed(header)
    if (this.#owner === null) {
      if (this.#wanted !== null && peer !== this.#wanted)
        return this.#refuse('foreign', name, `the segment belongs to ${peer}`)
      return this.#adopt(name, header, peer)
    }
    if (peer !== this.#owner.peer || header.fleet !== this.#owner.header.fleet)
      return this.#refuse('foreign', name, `the segment belongs to ${peer}`)
    if (seqOfName(name) !== header.firstSeq)
      return this.#refuse('reordered', name, `the segment begins with ${header.firstSeq}`)
    if (header.firstSeq > this.#next)
      return this.#refuse('missing', name, `the segment begins with ${header.firstSeq}`)
    if (header.firstSeq < this.#next)
      return this.#refuse('reordered', name, `the segment begins with ${header.firstSeq}`)
    if (!sameBytes(header.previous, this.#previous))
      return this.#refuse('changed', name, 'the segment continues another chain')
    return header
  }

  #adopt(name: string, header: SegmentHeader, peer: PeerId): SegmentHeader | null {
    const { fleet, firstSeq, previous, publicKey } = header
    if (seqOfName(name) !== firstSeq)
      return this.#refuse('reordered', name, `the segment begins with ${firstSeq}`)
    this.#owner = { peer, header }
    this.#previous = previous
    if (firstSeq === 1 && !sameBytes(previous, firstLink(fleet, publicKey)))
      return this.#refuse('changed', name, 'the start of its segment was changed')
    const ours = this.#held.filter(each => each.peer === peer && each.fleet === fleet)
    this.#heldTooOld = ours.filter(({ seq }) => seq < firstSeq - 1).length
    this.#awaited = ours.filter(({ seq }) => seq >= firstSeq - 1).sort((a, b) => a.seq - b.seq)
    this.#compareHeld(name, firstSeq - 1, previous)
    return this.#broken === null ? header : null
  }

  #take(name: string, entry: AuditEntry, hash: Uint8Array): void {
    const { seq, hlc, event } = entry
    if (this.#firstSeq === 0) this.#firstSeq = seq
    this.#compareHeld(name, seq, hash)
    if (this.#broken !== null) return
    if (event.kind === 'checkpoint') {
      this.#checkpoints += 1
      this.#signedTo = seq - 1
    }
    if (event.kind === 'trimmed') this.#trimmedTo = Math.max(this.#trimmedTo, event.upTo)
    if (event.kind === 'gap') this.#lost += event.lost
    this.#previous = Uint8Array.from(hash)
    this.#lastHlc = hlc
    this.#next = seq + 1
  }

  #compareHeld(name: string, seq: number, hash: Uint8Array): void {
    while (this.#awaited[0]?.seq === seq) {
      if (!sameBytes(this.#awaited[0].hash, hash)) {
        const first = Math.max(this.#owner!.header.firstSeq, this.#matchedTo + 1)
        this.#broken = {
          seq: first,
          what: 'rewritten',
          segment: name,
          detail: `Entries ${first} to ${seq} are not those that the peer signed a checkpoint for, which others hold.`,
        }
        return
      }
      this.#awaited.shift()
      this.#heldMatched += 1
      this.#matchedTo = seq
    }
  }

  #isSignedHere({ hlc }: AuditEntry, signature: Uint8Array): boolean {
    const { fleet, publicKey } = this.#owner!.header
    return isSigned({ fleet, publicKey, seq: this.#next - 1, hash: this.#previous, hlc }, signature)
  }

  #forged(name: string): void {
    const seq = this.#signedTo + 1
    const detail = `The signature at ${this.#next} is not one for this chain: it was made anew from entry ${seq} on, or later.`
    this.#broken = { seq, what: 'forged', segment: name, detail }
  }

  /** Says why a record that can be read does not follow the one before. */
  #misplaced(
    name: string,
    bytes: Buffer,
    at: number,
    found: { readonly entry: AuditEntry; readonly end: number },
  ): void {
    const { seq } = found.entry
    const wanted = this.#next
    if (seq === wanted) return this.#break('changed', name, 'its hash does not fit')
    if (isLinkedAs(wanted, bytes, at, found.end, this.#previous))
      return this.#break('changed', name, `its number was changed to ${seq}`)
    if (seq < wanted) return this.#break('reordered', name, `entry ${seq} stands in its place`)
    const elsewhere = laterIn(bytes, found.end, wanted)
    if (elsewhere) return this.#break('reordered', name, `entry ${seq} stands in its place`)
    this.#break('missing', name, `entry ${seq} follows entry ${wanted - 1}`)
  }

  #checkEnds(): void {
    const first = this.#owner?.header.firstSeq ?? 1
    if (first - 1 > this.#trimmedTo) {
      const seq = this.#trimmedTo + 1
      const detail = `Entries ${seq} to ${first - 1} are not there, and nothing in the log says that they were let go.`
      this.#broken = { seq, what: 'missing', segment: null, detail }
      return
    }
    // Without any segment nobody says whose log it was: then all that is held speaks, of who was asked for.
    const beyond =
      this.#owner === null ? this.#held.filter(each => each.peer === this.#wanted) : this.#awaited
    const furthest = Math.max(0, ...beyond.map(({ seq }) => seq))
    if (furthest < this.#next) return
    const detail = `The log ends before entry ${this.#next}; the peer signed a checkpoint at ${furthest}, which others hold.`
    this.#broken = { seq: this.#next, what: 'cut', segment: null, detail }
  }

  #break(what: BreakKind, segment: string, why: string): void {
    this.#broken = { seq: this.#next, what, segment, detail: `Entry ${this.#next} is ${what}: ${why}.` }
  }

  #refuse(what: BreakKind, segment: string, why: string): null {
    this.#break(what, segment, why)
    return null
  }
}

const peerKeyNamed = ({ publicKey }: SegmentHeader): { peer: PeerId } => ({
  peer: peerKeyFrom(publicKey).peerId,
})

function laterIn(bytes: Buffer, from: number, seq: number): boolean {
  let at = from
  for (;;) {
    const found = readRecord(bytes, at, new Uint8Array(0))
    if (found.kind !== 'entry') return false
    if (found.entry.seq === seq) return true
    at = found.end
  }
}
