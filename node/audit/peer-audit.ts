import type { ContextKey, FleetId, PeerId, RoleName } from '../../base/ids.ts'
import { type Checkpoint, encodeCheckpoint } from '../../crypto/audit/checkpoint.ts'
import { type AuditDecision, type AuditedRole, auditedRolesMax, auditText } from '../../crypto/audit/entry.ts'
import type { LogReport } from '../../crypto/audit/verify-log.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import type { Auditor, AuditPolicy, Refusal } from './auditor.ts'
import { HeldCheckpoints } from './held-checkpoints.ts'
import { type AuditPage, readAll, readPage, verifyLog } from './log-reader.ts'
import type { AuditFilter, AuditRecord } from './records.ts'
import { RoleNames } from './role-names.ts'
import { AuditSink, type SinkOptions } from './sink.ts'
import { FolderStorage } from './storage.ts'
import { auditDir, heldDir } from './verify-directory.ts'

export type AuditSettings = {
  readonly policy: AuditPolicy
  readonly sync: 'second' | 'always'
  readonly bytesMax: number
}

/** The audit log of a peer, as doors use it. */
export interface Audit extends Auditor {
  /** Hash of an address; null for what is none, and on a blind peer. */
  keyOf(address: string): ContextKey | null
  /** Key versions that something is sealed to; by name alone, the newest of each; absent: all that this peer holds. */
  rolesOf(roles: readonly (string | { name: string; keyVersion: number })[] | undefined): AuditedRole[]
  page(filter: AuditFilter, limit: number, before?: number): Promise<AuditPage>
  /** Every entry after a number, oldest first. */
  records(after: number): AsyncIterable<AuditRecord>
  verify(): Promise<LogReport>
}

type Parts = Pick<SinkOptions, 'signer' | 'tag' | 'wallMs'> & {
  /** Directory of the peer. */
  readonly dir: string
  readonly fleet: FleetId
  readonly incarnation: number
  readonly settings: AuditSettings
  /** Every key version of every role, as it is now. */
  roles(): readonly RoleRecipient[]
  heldRoles(): readonly RoleName[]
  isMember(peer: PeerId): boolean
  keyOf(address: string): ContextKey | null
  /** Tells the other peers. */
  publish(checkpoint: Uint8Array): void
  readonly log: {
    warn(fields: object, text: string): void
    error(fields: object, text: string): void
  }
}

const tellEveryMs = 5000
/**
 * Told again though nothing was added, after twice as long each time up to this: news may be lost, above all
 * while a peer that has just started is not yet connected to all the others.
 */
const repeatAfterMsMax = 60_000

/** The audit log of one running peer: its own, and what it holds of the others. */
export class PeerAudit implements Audit {
  readonly #parts: Parts
  readonly #storage: FolderStorage
  readonly #sink: AuditSink | null
  readonly #held: HeldCheckpoints
  readonly #brokenAt: number
  #names = new RoleNames([])
  readonly #telling: NodeJS.Timeout
  readonly #latest: { checkpoint: Checkpoint | null }
  #toldSeq = 0
  #repeatAtMs = 0
  #repeatAfterMs = tellEveryMs
  #heardCount = 0
  #heldUnsaved = false

  private constructor(
    parts: Parts,
    opened: {
      storage: FolderStorage
      sink: AuditSink | null
      held: HeldCheckpoints
      brokenAt: number
      latest: { checkpoint: Checkpoint | null }
    },
  ) {
    this.#parts = parts
    this.#storage = opened.storage
    this.#sink = opened.sink
    this.#held = opened.held
    this.#brokenAt = opened.brokenAt
    this.#latest = opened.latest
    this.#telling = setInterval(() => this.#tell(), tellEveryMs)
    this.#telling.unref()
  }

  /** @throws what reading the folder throws; a log that was changed is no failure, it shows in `reasons`. */
  static async open(parts: Parts): Promise<PeerAudit> {
    const { dir, settings, log, fleet } = parts
    const storage = new FolderStorage(auditDir(dir))
    const held = await HeldCheckpoints.open(heldDir(dir), fleet, peer => parts.isMember(peer))
    const latest: { checkpoint: Checkpoint | null } = { checkpoint: null }
    const { policy } = settings
    if (policy === 'off') {
      log.warn({}, 'nothing is audited: auditPolicy is off')
      return new PeerAudit(parts, { storage, sink: null, held, brokenAt: 0, latest })
    }
    const { sink, end } = await AuditSink.open({
      ...parts,
      ...settings,
      policy,
      storage,
      onCheckpoint: checkpoint => {
        latest.checkpoint = checkpoint
      },
      report: (event, why) =>
        event === 'failing'
          ? log.error({ why, policy }, 'decisions cannot be recorded')
          : log.warn({ why }, 'decisions are recorded again'),
    })
    const { tornBytes, brokenAt } = end
    if (tornBytes > 0) log.warn({ tornBytes }, 'an unfinished entry was cut off the audit log')
    if (brokenAt > 0) log.error({ entry: brokenAt }, 'the audit log was changed while this peer was down')
    return new PeerAudit(parts, { storage, sink, held, brokenAt, latest })
  }

  check(): void {
    this.#sink?.check()
  }

  async decided(decision: AuditDecision): Promise<void> {
    await this.#sink?.decided(decision)
  }

  refused(refusal: Refusal): void {
    this.#sink?.refused(refusal)
  }

  keyOf(address: string): ContextKey | null {
    return this.#sink === null ? null : this.#parts.keyOf(address)
  }

  rolesOf(roles: readonly (string | { name: string; keyVersion: number })[] | undefined): AuditedRole[] {
    const recipients = this.#parts.roles()
    if (this.#names.recipients !== recipients) this.#names = new RoleNames(recipients)
    return this.#names.of(roles ?? this.#parts.heldRoles()).slice(0, auditedRolesMax)
  }

  page(filter: AuditFilter, limit: number, before?: number): Promise<AuditPage> {
    return readPage(this.#storage, filter, limit, before)
  }

  records(after: number): AsyncIterable<AuditRecord> {
    return readAll(this.#storage, after)
  }

  verify(): Promise<LogReport> {
    return verifyLog(this.#storage, { peer: this.#parts.signer.peerId })
  }

  /** A checkpoint that another peer told. */
  heard(from: PeerId, bytes: Uint8Array): void {
    const heard = this.#held.hear(from, bytes)
    if (heard === 'kept' || heard === 'contradicts') {
      this.#heardCount += 1
      this.#heldUnsaved = true
    }
    if (heard === 'contradicts') {
      this.#parts.log.error({ peer: from }, 'the audit log of a peer is not what it signed before')
    }
    if (heard === 'refused') this.notTaken(from, 'INTEGRITY_FAILED', 'checkpoint')
  }

  /** What a peer sent and was not taken. */
  notTaken(from: PeerId, code: string, rule: string): void {
    this.#refusedOf(from, 'deliver', code, rule)
  }

  /** What a peer answered contradicts what it said before, or it answers nothing. @param rule - to which questions. */
  brokeWord(by: PeerId, code: string, rule: string): void {
    this.#refusedOf(by, 'answer', code, rule)
  }

  /** A share that a peer asked for, dealt or sent, in vain. */
  shareRefused(from: PeerId, operation: string, code: string): void {
    this.#refusedOf(from, operation, code, 'share')
  }

  /** A share of a key that was given to a peer. @param what - of the fleet's own secrets only the name is told. */
  async shareReleased(
    to: PeerId,
    { secret, keyVersion }: { secret: string; keyVersion: number },
  ): Promise<void> {
    await this.decided({
      outcome: 'allowed',
      code: null,
      subject: `peer:${to}`,
      source: null,
      operation: 'release',
      detail: `${secret}/${keyVersion}`,
      key: null,
      roles: this.rolesOf([{ name: secret, keyVersion }]),
      rule: 'entitlement',
      count: 1,
    })
  }

  /**
   * A connection that was refused.
   *
   * @param source - as a multiaddress.
   * @param rule - of a grant, where one decided; else it is that members only are let in.
   */
  turnedAway(peer: string, source: string | null, reason: string, rule: string | null = null): void {
    const host = hostIn(source)
    this.refused({
      code: reason,
      subject: auditText(`peer:${peer}`),
      source: host === null ? null : auditText(host),
      operation: 'connect',
      rule: rule ?? 'member',
    })
  }

  readiness(): { name: string; ok: boolean; detail: string } {
    const { policy } = this.#parts.settings
    const reason = this.#sink?.reason ?? null
    if (reason === null)
      return { name: 'audit', ok: true, detail: this.#sink === null ? 'off' : 'decisions are recorded' }
    return {
      name: 'audit',
      ok: false,
      detail: `${reason}; requests are ${policy === 'open' ? 'not recorded' : 'refused'}`,
    }
  }

  /** Sentences for the status. @param nameOf - of a member. */
  reasons(nameOf: (peer: PeerId) => string): string[] {
    const { ok, detail } = this.readiness()
    const others = this.#held.contradicted.map(nameOf).join(', ')
    return [
      ...(ok ? [] : [`The audit log fails: ${detail}.`]),
      ...(this.#brokenAt === 0
        ? []
        : [`The audit log was changed from outside, from entry ${this.#brokenAt} on.`]),
      ...(others === '' ? [] : [`The audit log of ${others} is not what it signed before.`]),
    ]
  }

  counters(): Record<string, number> {
    return { ...this.#sink?.counters(), auditCheckpointsHeard: this.#heardCount }
  }

  /** Writes what waits and tells a last checkpoint. Safe to call twice. */
  async stop(graceMs: number): Promise<void> {
    clearInterval(this.#telling)
    await this.#sink?.stop(graceMs)
    this.#tell()
  }

  /** What a member did that was not taken: its connection proved who it is. */
  #refusedOf(peer: PeerId, operation: string, code: string, rule: string): void {
    this.refused({ code, subject: `peer:${peer}`, source: null, operation, rule })
  }

  #tell(): void {
    const { checkpoint } = this.#latest
    const nowMs = performance.now()
    const isNew = checkpoint !== null && checkpoint.seq !== this.#toldSeq
    if (checkpoint !== null && (isNew || nowMs >= this.#repeatAtMs)) {
      this.#repeatAfterMs = isNew ? tellEveryMs : Math.min(2 * this.#repeatAfterMs, repeatAfterMsMax)
      this.#repeatAtMs = nowMs + this.#repeatAfterMs
      this.#toldSeq = checkpoint.seq
      this.#parts.publish(encodeCheckpoint(checkpoint, this.#parts.signer.publicKey))
    }
    if (!this.#heldUnsaved) return
    this.#heldUnsaved = false
    this.#held.save().catch(failure => {
      this.#heldUnsaved = true
      this.#parts.log.warn({ failure: String(failure) }, 'checkpoints of other peers could not be kept')
    })
  }
}

/** The host of a multiaddress. */
export const hostIn = (source: string | null): string | null => source?.split('/')[2] ?? null
