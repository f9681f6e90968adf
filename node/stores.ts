import type { Clock } from '../base/hlc.ts'
import type { PeerId } from '../base/ids.ts'
import type { CryptoTimer } from '../crypto/crypto-timer.ts'
import type { EnvelopeHeader } from '../crypto/envelope-codec.ts'
import type { Identity } from '../crypto/identity.ts'
import { takesNow } from '../crypto/registry/replaced.ts'
import type { View } from '../dht/view.ts'
import { retentionRegisterKey } from './control/control-plane.ts'
import type { RegisterParts } from './control/register.ts'
import type { Driver } from './driver/driver.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import { RightsDesk } from './grants/rights-desk.ts'
import type { KeyService } from './keys/key-service.ts'
import { localChanges } from './local-changes.ts'
import { localHistories } from './local-histories.ts'
import type { Exchange } from './ports/exchange.ts'
import type { FollowedDisk } from './ports/opened-disk.ts'
import { startReseal } from './reseal-peer.ts'
import type { Log, PeerOptions } from './running-peer.ts'
import { sharedRegister } from './shared-register.ts'
import { CatalogueDesk } from './store/catalogue/catalogue-desk.ts'
import { LocalEntries } from './store/catalogue/local-entries.ts'
import { newContextStore, type StoreParts } from './store/context-store.ts'
import { RetentionDesk } from './store/retention/retention-desk.ts'
import { StoreDesk } from './store/store-desk.ts'

/** A key version that is to go is taken for so long after it was replaced. */
export const keyCutOffMs = 60_000

export type StoresParts = {
  readonly author: Identity
  readonly view: () => View
  readonly opened: FollowedDisk
  readonly driver: Driver
  readonly hlc: Clock
  readonly registers: RegisterParts
  readonly keys: KeyService
  readonly meter: CryptoTimer
  readonly grants: GrantKeeper
  readonly isAuthor: (peer: PeerId) => boolean
  readonly nameOf: (peer: PeerId) => string | null
  readonly exchange: Exchange
  readonly log: Log
  readonly options: Pick<PeerOptions, 'contextBytesMax' | 'keyCutOffMs'>
}

/** The use cases of one peer over its driver and disk, and the rights by which callers have them. */
export function openStores(parts: StoresParts) {
  const { author, view, opened, driver, hlc, registers, keys, meter, grants, isAuthor, nameOf, options } =
    parts
  const storeParts: StoreParts = {
    submitter: {
      submit: (operation, timeoutMs) => new Promise(resolve => driver.submit(operation, timeoutMs, resolve)),
    },
    fleet: {
      id: view().fleet,
      get roles() {
        return keys.recipients
      },
    },
    keys: keys.held,
    meter,
    author,
    grantFor: project => grants.namedIn(project, keys.held.fleetSecret),
    isAuthor,
    nameOf,
    clock: driver.clock,
    hlc,
    limits: options.contextBytesMax === undefined ? {} : { contextBytesMax: options.contextBytesMax },
  }
  const store = newContextStore(storeParts)
  const local = localHistories(opened.disk, author.peerId, view)
  const register = sharedRegister(registers, retentionRegisterKey)
  const retention = new RetentionDesk({ store: storeParts, register, local })
  const desk = new StoreDesk(storeParts)
  const entries = new LocalEntries({ desk, local, changes: localChanges(opened.changes, author.peerId) })
  const checkReader = (role: string | undefined) => desk.access.checkReader(role)
  const catalogue = new CatalogueDesk({ entries, store, clock: driver.clock, checkReader })
  const reseal = startReseal({
    ...parts,
    ...storeParts,
    self: author.peerId,
    fleet: view().fleet,
    clock: driver.clock,
    local,
    pending: () => driver.pending,
    grantHash: () => grants.own?.grantHash,
    cutOffMs: options.keyCutOffMs ?? keyCutOffMs,
    keys,
  })
  return {
    reseal,
    /** Whether what somebody writes now may be sealed to these key versions. */
    takesNow: ({ roles }: EnvelopeHeader) =>
      takesNow(keys.registry, roles, driver.clock.wallMs(), options.keyCutOffMs ?? keyCutOffMs),
    retention,
    desk,
    local,
    rights: new RightsDesk({ keeper: grants, store, catalogue, keys: keys.held }),
    /** Nothing that was opened stays in memory. */
    forget(): void {
      store.forget()
      entries.forget()
    },
    close: () => {
      reseal.stop()
      entries.close()
    },
  }
}
