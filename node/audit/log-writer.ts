import type { FleetId, Hlc, PeerId } from '../../base/ids.ts'
import { hashBytes } from '../../crypto/audit/chain.ts'
import { type Checkpoint, signCheckpoint } from '../../crypto/audit/checkpoint.ts'
import type { AuditEvent } from '../../crypto/audit/entry.ts'
import {
  encodeHeader,
  headerBytes,
  recordBytesMax,
  segmentName,
  seqOfName,
  writeRecord,
} from '../../crypto/audit/segment.ts'
import type { LogEnd } from './log-end.ts'
import type { AuditStorage, SegmentFile } from './storage.ts'

export type LogWriterOptions = {
  readonly storage: AuditStorage
  readonly fleet: FleetId
  /** Of the peer whose log it is. */
  readonly signer: {
    readonly peerId: PeerId
    readonly publicKey: Uint8Array
    sign(bytes: Uint8Array): Uint8Array
  }
  readonly now: () => Hlc
  /** All segments together; the oldest goes when it is more. */
  readonly bytesMax: number
}

/** An entry that has no number yet. */
export type NewEntry = { readonly hlc: Hlc; readonly event: AuditEvent }

/** Segments that a full log consists of: so much of it goes at once. */
const segmentsKept = 16
const segmentBytesMax = 16 * 1024 * 1024
const batchBytes = 256 * 1024

/** Appends entries to the segments of one log. One call at a time; one that failed leaves the chain where it was. */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #buffer = Buffer.allocUnsafe(hashBytes + batchBytes + recordBytesMax)
  #seq: number
  #hash: Uint8Array
  /** To go on in, once something is written. */
  #resumed: LogEnd['segment']
  #segment: { bytes: number; readonly file: SegmentFile } | null = null
  /** Segments that were let go. */
  trimmed = 0

  /** @param end - where the log goes on. */
  constructor(options: LogWriterOptions, end: LogEnd) {
    this.#options = options
    this.#seq = end.seq
    this.#hash = end.hash
    this.#resumed = end.segment
  }

  /** Number of the last entry that was written. */
  get seq(): number {
    return this.#seq
  }

  /** Resolves when the system has all of them: then they outlive the process, not a power cut. */
  async append(entries: readonly NewEntry[]): Promise<void> {
    for (let i = 0; i < entries.length; ) {
      const segment = await this.#room()
      this.#buffer.set(this.#hash)
      let [end, seq] = [hashBytes, this.#seq]
      while (i < entries.length && end < batchBytes) {
        seq += 1
        end = writeRecord(this.#buffer, end, { seq, ...entries[i]! })
        i += 1
      }
      await segment.file.write(this.#buffer.subarray(hashBytes, end), segment.bytes)
      segment.bytes += end - hashBytes
      this.#seq = seq
      this.#hash = Uint8Array.from(this.#buffer.subarray(end - hashBytes, end))
    }
  }

  /** Signs all that was appended, and appends that. It is to be told to others only once it is synced. */
  async checkpoint(): Promise<Checkpoint> {
    // Room first: it may cost an entry, which would come in between.
    await this.#room()
    const { fleet, signer, now } = this.#options
    const facts = { fleet, publicKey: signer.publicKey, seq: this.#seq, hash: this.#hash, hlc: now() }
    const signature = signCheckpoint(facts, bytes => signer.sign(bytes))
    await this.append([{ hlc: facts.hlc, event: { kind: 'checkpoint', signature } }])
    return { ...facts, peer: signer.peerId, signature }
  }

  /** Drops what a write that failed may have left behind the last entry. */
  async cut(): Promise<void> {
    await this.#segment?.file.cut(this.#segment.bytes)
  }

  /** May run beside `append`. */
  async sync(): Promise<void> {
    await this.#segment?.file.sync()
  }

  async close(): Promise<void> {
    await this.#segment?.file.close()
    this.#segment = null
  }

  /** The segment to write to, with room in it. */
  async #room(): Promise<{ bytes: number; readonly file: SegmentFile }> {
    const { storage, bytesMax } = this.#options
    if (this.#resumed !== null) {
      const { name, bytes } = this.#resumed
      const file = await storage.open(name)
      this.#segment = { bytes, file }
      this.#resumed = null
      await file.cut(bytes)
    }
    const full = Math.min(segmentBytesMax, Math.floor(bytesMax / segmentsKept))
    if (this.#segment !== null && this.#segment.bytes < full) return this.#segment
    const old = this.#segment
    const begun = await this.#begin()
    await old?.file.sync()
    this.#segment = begun
    await old?.file.close()
    await this.#trim(begun.file)
    return begun
  }

  async #begin(): Promise<{ bytes: number; readonly file: SegmentFile }> {
    const { storage, fleet, signer } = this.#options
    const firstSeq = this.#seq + 1
    // Left behind by a try that failed; nothing is in it.
    await storage.remove(segmentName(firstSeq))
    const file = await storage.create(segmentName(firstSeq))
    try {
      const header = { fleet, publicKey: signer.publicKey, firstSeq, previous: this.#hash }
      await file.write(encodeHeader(header), 0)
    } catch (failure) {
      await file.close()
      throw failure
    }
    return { bytes: headerBytes, file }
  }

  /** Says in the log which entries go, has that on the disk, and lets them go. */
  async #trim(current: SegmentFile): Promise<void> {
    const { storage, bytesMax, now } = this.#options
    const segments = await storage.list()
    let bytes = segments.reduce((sum, each) => sum + each.bytes, 0)
    let gone = 0
    while (gone < segments.length - 1 && bytes > bytesMax - bytesMax / segmentsKept) {
      bytes -= segments[gone]!.bytes
      gone += 1
    }
    if (gone === 0) return
    const upTo = seqOfName(segments[gone]!.name)! - 1
    await this.append([{ hlc: now(), event: { kind: 'trimmed', upTo } }])
    await current.sync()
    for (const { name } of segments.slice(0, gone)) await storage.remove(name)
    this.trimmed += gone
  }
}
