import { assert } from '../../base/assert.ts'
import { nextHlc } from '../../base/hlc.ts'
import { type ContextKey, noBallot, noHlc, type Version } from '../../base/ids.ts'
import { newEnvelopeChecker } from '../../crypto/envelope-checker.ts'
import type { StoreClock } from '../../node/store/deadline.ts'
import type { Operation, Outcome, Value, VersionRecord, WriteOperation } from '../../replication/messages.ts'
import { applyWrite, keptFromOf, outcomeOf, trimmedTo } from '../../replication/register.ts'
import type { SubmitterBench } from '../contracts/submitter.ts'
import { fleetId, newHlcOf, newIdentity } from './identities.ts'

const replicas = 3
const chainMax = 5

/** Time that passes when somebody waits for it. */
export class PatientClock implements StoreClock {
  #nowMs = 1_000
  readonly #startMs: number
  readonly #waiting = new Set<{ atMs: number; wake: () => void }>()

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  wallMs(): number {
    return this.#startMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  at(atMs: number, wake: () => void): () => void {
    const waiter = { atMs, wake }
    this.#waiting.add(waiter)
    return () => this.#waiting.delete(waiter)
  }

  /** Lets `ms` pass, and wakes who waits for a moment in it, in order. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const due = [...this.#waiting].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#waiting.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.wake()
    }
    this.#nowMs = untilMs
  }
}

/**
 * All registers of a fleet in one process: the protocol's own rules of what a write does to what stands, without
 * rounds. Operations on one key are carried out in the order they come in, each in a turn of its own.
 */
export class Registers {
  readonly clock: StoreClock
  readonly #heads = new Map<ContextKey, Value>()
  readonly #versions = new Map<string, VersionRecord>()
  readonly #checker = newEnvelopeChecker({ fleet: fleetId, isAuthor: () => true, isGranted: () => true })

  constructor(clock: StoreClock) {
    this.clock = clock
  }

  perform(operation: Operation): Outcome {
    switch (operation.kind) {
      case 'read': {
        const value = this.#heads.get(operation.key)
        return value === undefined ? { kind: 'absent' } : { kind: 'found', value }
      }
      case 'history':
        return this.#history(operation.key, operation.from, operation.limit)
      case 'write':
        return this.#write(operation)
      case 'trim': {
        const current = this.#heads.get(operation.key)
        if (current === undefined) return { kind: 'absent' }
        const value = trimmedTo(current, operation.keepFrom) ?? current
        this.#heads.set(operation.key, value)
        return { kind: 'trimmed', keptFrom: keptFromOf(value) }
      }
    }
  }

  #write(operation: WriteOperation): Outcome {
    const { key, id, parent, value } = operation
    if (!this.#checker.accepts({ ...value, key, version: id, parent })) return { kind: 'unreached' }
    const wallMs = this.clock.wallMs()
    const current = this.#heads.get(key) ?? null
    const applied = applyWrite(current, operation, noBallot, wallMs, operation.attempt > 1)
    switch (applied.kind) {
      case 'unknown':
        return { kind: 'unknown' }
      case 'known':
      case 'refuse':
        return outcomeOf(applied.answer, operation, current, wallMs, replicas, replicas)
      case 'write': {
        this.#heads.set(key, applied.value)
        if (applied.answer === 'written') this.#versions.set(`${key}/${id}`, applied.value)
        return outcomeOf(applied.answer, operation, applied.value, wallMs, replicas, replicas)
      }
    }
  }

  /** Pages are short, so that whoever asks has to go on. */
  #history(key: ContextKey, from: Version | null, limit: number): Outcome {
    const records: VersionRecord[] = []
    const head = this.#heads.get(key)
    const end = head === undefined ? noHlc : keptFromOf(head)
    let next = from ?? head?.version ?? null
    while (next !== null && next >= end && records.length < Math.min(limit, chainMax)) {
      const record = this.#versions.get(`${key}/${next}`)
      if (record === undefined)
        return records.length > 0 ? { kind: 'versions', records, next } : { kind: 'unreached' }
      records.push(record)
      next = record.parent
    }
    return { kind: 'versions', records, next: next !== null && next < end ? null : next }
  }
}

type Befallen = 'lostBefore' | 'lostAfter' | Outcome | null
/** What may befall an operation of one process on its way; null for nothing. */
export type Mishap = (operation: Operation) => Befallen | Promise<Befallen>

/** Processes that share one set of registers, each with its own identity and clock tag. */
export async function openRegisterBench(
  processes = 2,
  clock: StoreClock = new PatientClock(),
): Promise<SubmitterBench & { registers: Registers; mishap: { of: Mishap } }> {
  const registers = new Registers(clock)
  const mishap: { of: Mishap } = { of: () => null }
  const identities = await Promise.all(Array.from({ length: processes }, newIdentity))
  return {
    registers,
    mishap,
    fleet: fleetId,
    processes: identities.map(author => {
      const hlc = newHlcOf(author)
      nextHlc(hlc, clock.wallMs())
      assert(hlc.last > noHlc, 'a clock that has begun')
      return {
        author,
        hlc,
        clock,
        submitter: {
          submit: async operation => {
            await new Promise(resolve => setImmediate(resolve))
            const befell = await mishap.of(operation)
            if (befell === 'lostBefore') return { kind: 'unknown' }
            if (befell !== null && befell !== 'lostAfter') return befell
            const outcome = registers.perform(operation)
            return befell === 'lostAfter' ? { kind: 'unknown' } : outcome
          },
        },
      }
    }),
    close: async () => undefined,
  }
}
