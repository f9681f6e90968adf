import { readFileSync, renameSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, Version } from '../../base/ids.ts'
import {
  type Entitlement,
  entitledTo,
  merged,
  type Registry,
  withEntitlement,
} from '../../crypto/registry/registry.ts'
import { decodeRegistry, encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { areEntitled } from '../../crypto/registry/statements.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { SharedRegister } from '../store/retention/ports.ts'

const attemptMs = 2_000
const pauseMs = 60
const changeMs = 10_000

export type RegistryBookParts = {
  readonly path: string
  readonly fleet: FleetId
  readonly register: SharedRegister
  readonly clock: Clock
  readonly log: Log
}

/**
 * The registry of keys: a control register, and a copy of it on this disk, from which a process works before the fleet is
 * there. What the copy says beyond the register is put there: the first registry, an entitlement that came with a ticket.
 */
export class RegistryBook {
  readonly #parts: RegistryBookParts
  #registry: Registry
  #bytes: Uint8Array
  #version: Version | null = null
  #isAgreed = false
  #isShared = false
  #refreshing: Promise<void> | null = null
  #adopting: Promise<void> = Promise.resolve()
  readonly #listeners: ((registry: Registry) => void)[] = []

  /** @throws SlurpError DATA_MISSING, INTEGRITY_FAILED, FORMAT_UNKNOWN. */
  constructor(parts: RegistryBookParts) {
    this.#parts = parts
    this.#bytes = readRegistry(parts.path)
    this.#registry = decodeRegistry(this.#bytes, parts.fleet)
  }

  get registry(): Registry {
    return this.#registry
  }

  /** As it is now, in its one encoding. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Whether the register was read since this process started. */
  get isAgreed(): boolean {
    return this.#isAgreed
  }

  /** Whether the register says all that the copy does, as far as is known. */
  get isShared(): boolean {
    return this.#isShared
  }

  /**
   * Takes what a peer shows of itself before the register says so. A statement proves itself, wherever it comes from; what
   * proves nothing, or says nothing new, is passed over.
   */
  async learn(entitlement: Entitlement): Promise<void> {
    const before = entitledTo(this.#registry, entitlement.peer)
    if (entitlement.names.every(name => before.includes(name))) return
    const told = withEntitlement(this.#registry, entitlement)
    if (areEntitled(told)) await this.#adopt(told, this.#version)
  }

  onChange(listener: (registry: Registry) => void): void {
    this.#listeners.push(listener)
  }

  /** Reads the register. @throws SlurpError QUORUM_UNREACHED, INTEGRITY_FAILED for a register that holds none. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#change(registry => registry, attemptMs).finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  /** As `refresh`, with the patience of who wants to change something next. @throws SlurpError as {@link refresh}. */
  agree(): Promise<void> {
    return this.#change(registry => registry, changeMs)
  }

  /**
   * Changes the registry of the fleet, by compare-and-set. `change` may be asked again, and then finds what it did.
   *
   * @throws SlurpError QUORUM_UNREACHED: the outcome is unknown; TOO_LARGE.
   */
  change(change: (registry: Registry) => Registry): Promise<void> {
    return this.#change(change, changeMs)
  }

  async #change(change: (registry: Registry) => Registry, timeoutMs: number): Promise<void> {
    const { clock, register, fleet } = this.#parts
    const untilMs = clock.monotonicMs() + timeoutMs
    const leftMs = () => Math.max(1, Math.min(attemptMs, untilMs - clock.monotonicMs()))
    do {
      const found = await register.read(leftMs())
      if (found !== null && found.version !== this.#version) {
        await this.#adopt(decodeRegistry(found.body, fleet), found.version)
      }
      this.#isAgreed = true
      const changed = change(this.#registry)
      const wanted = encodeRegistry(changed)
      if (found !== null && sameBytes(wanted, found.body)) {
        this.#isShared = true
        return
      }
      if (await register.swap(found?.version ?? null, wanted, leftMs())) {
        this.#isShared = true
        await this.#adopt(changed, null)
        return
      }
      await new Promise<void>(resolve => clock.at(clock.monotonicMs() + pauseMs, resolve))
    } while (clock.monotonicMs() < untilMs)
    throw new SlurpError(
      'QUORUM_UNREACHED',
      'The control group of the fleet did not agree in time; the outcome is unknown.',
      { hint: 'Look with `slurp key shares`, then ask again: asking twice does no harm.' },
    )
  }

  /** One after the other: a look at the register and a change of it may come here at one time. */
  #adopt(agreed: Registry, version: Version | null): Promise<void> {
    const done = this.#adopting.then(() => this.#adoptNow(agreed, version))
    // Who comes next tries again what failed here.
    this.#adopting = done.catch(() => undefined)
    return done
  }

  /** Whoever listens hears of it once it is on the disk. */
  async #adoptNow(agreed: Registry, version: Version | null): Promise<void> {
    const bytes = encodeRegistry(merged(this.#registry, agreed))
    if (!sameBytes(bytes, this.#bytes)) {
      await writeRegistry(this.#parts.path, bytes)
      this.#bytes = bytes
      this.#registry = decodeRegistry(bytes, this.#parts.fleet)
      this.#parts.log.info({ secrets: this.#registry.secrets.length }, 'the registry of keys has changed')
      for (const listener of this.#listeners) listener(this.#registry)
    }
    this.#version = version
  }
}

/** @throws SlurpError DATA_MISSING. */
export function readRegistry(path: string): Uint8Array {
  try {
    return Uint8Array.from(readFileSync(path))
  } catch (cause) {
    throw new SlurpError('DATA_MISSING', `There is no registry of keys at ${path}.`, {
      cause,
      hint: 'Copy keys.registry from another peer of this fleet. A fleet of a release with keyring.age is brought here by `slurp key migrate --dir DIR`.',
    })
  }
}

/** Whole or not at all, and on the disk when it returns. */
export async function writeRegistry(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  renameSync(draft, path)
}
