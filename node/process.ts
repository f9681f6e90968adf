import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SlurpError } from '../base/errors.ts'
import { bootTag, newClock, nextHlc } from '../base/hlc.ts'
import type { PeerId } from '../base/ids.ts'
import { seeded } from '../base/random.ts'
import { controlBody, signControl } from '../crypto/envelope.ts'
import { newEnvelopeChecker } from '../crypto/envelope-checker.ts'
import { verifyFleetRecord } from '../crypto/fleet-record.ts'
import { clockTagOf, loadIdentity } from '../crypto/identity.ts'
import { readNetworkKey } from '../crypto/network-key.ts'
import type { View } from '../dht/view.ts'
import { leaseDefaultMs } from '../election/lease-state.ts'
import { defaultLimits } from '../replication/limits.ts'
import { openLevelDisk } from './adapters/level-disk/open-level-disk.ts'
import type { News } from './adapters/libp2p/news.ts'
import { startLibp2p, wireVersions } from './adapters/libp2p/start.ts'
import { systemClock } from './adapters/system-clock.ts'
import { PeerAudit } from './audit/peer-audit.ts'
import { ControlPlane, keysRegisterKey, retentionRegisterKey } from './control/control-plane.ts'
import type { RegisterParts } from './control/register.ts'
import { nextIncarnation, startingView } from './driver/boot.ts'
import { Driver, type DriverEvent } from './driver/driver.ts'
import { controlTexts, keyTexts, logEvent } from './event-log.ts'
import { FleetAdmin } from './fleet-admin.ts'
import { epochOf, newerOf, readJoinedView, readRecord } from './fleet-files.ts'
import { refuseFormerKeys } from './key-migration.ts'
import { KeyService } from './keys/key-service.ts'
import { keepMemoryOutOfDumps } from './keys/memory-guard.ts'
import { reshareDuty } from './keys/reshare-duty.ts'
import { AddressFile } from './known-addresses.ts'
import { contextSubject } from './local-changes.ts'
import { localHistories } from './local-histories.ts'
import { PeerHealth } from './peer-health.ts'
import { type PeerSearch, startPeerSearch } from './peer-search.ts'
import { readPeerFile } from './peer-settings.ts'
import type { FollowedDisk } from './ports/opened-disk.ts'
import { finishReentry, reenter } from './reentry.ts'
import { RetentionDuty } from './retention-duty.ts'
import type { PeerOptions, RunningPeer, StartPeer } from './running-peer.ts'
import { sharedRegister } from './shared-register.ts'
import { keyOfText } from './store/address-key.ts'
import type { Submitter } from './store/api.ts'
import { CatalogueDesk } from './store/catalogue/catalogue-desk.ts'
import { LocalEntries } from './store/catalogue/local-entries.ts'
import { newContextStore, type StoreParts } from './store/context-store.ts'
import { RetentionDesk } from './store/retention/retention-desk.ts'
import { StoreDesk } from './store/store-desk.ts'

/** What waits for the audit log gets so long when the peer stops. */
const auditGraceMs = 1_000
const newsEveryMs = 10_000
/** A peer that cannot take part yet, as it hears nobody, can at least be asked for its state after so long. */
const timeWaitMs = 2_000

/** Starts the one peer whose data is in `options.dir`: disk, driver, network and store, in this order. */
export const startPeer: StartPeer = async (options: PeerOptions): Promise<RunningPeer> => {
  const { dir, log } = options
  await finishReentry(dir, options.passphrase)
  const { name } = readPeerFile(dir)
  const identity = await loadIdentity(join(dir, 'identity.key'), options.passphrase)
  const record = verifyFleetRecord(readRecord(join(dir, 'fleet.json')))
  const genesis = newerOf(record.view, readJoinedView(join(dir, 'joined.view')))
  const self = identity.peerId
  refuseFormerKeys(dir)
  const unguarded = keepMemoryOutOfDumps()
  if (unguarded !== null) log.warn({ why: unguarded }, 'core dumps of this process may show its keys')
  const addressFile = new AddressFile(join(dir, 'addresses.json'))

  let opened: FollowedDisk
  try {
    opened = await openLevelDisk({
      dir: join(dir, 'data'),
      expectExisting: existsSync(addressFile.path),
      subjectOf: contextSubject,
    })
  } catch (failure) {
    if (!(failure instanceof SlurpError) || failure.code !== 'DATA_MISSING') throw failure
    await reenter(options, { view: genesis, known: addressFile.known() })
    return await startPeer(options)
  }
  const closers: (() => Promise<void>)[] = [() => opened.close()]
  try {
    const start = startingView(opened.disk, genesis)
    let view = start.view
    if (!view.members.some(member => member.id === self)) {
      throw new SlurpError('CONFIG_INVALID', `${name} is no member of its fleet, or no more.`, {
        hint: 'Nothing in its directory is needed any more; `slurp peer join --dir NEW` makes a new peer.',
      })
    }
    const recordsLost = opened.found.lostTail || opened.found.gaps || start.isDamaged
    if (recordsLost)
      log.error({ found: opened.found }, 'the disk lost acknowledged writes: reading them back')
    const health = new PeerHealth(self, () => view)
    const isMember = (peer: PeerId) => view.members.some(member => member.id === peer)
    // What somebody wrote stays theirs when they have left the fleet.
    const isAuthor = (peer: PeerId) => isMember(peer) || view.former.includes(peer)
    const incarnation = nextIncarnation(opened.disk, systemClock.wallMs(), recordsLost)
    const hlc = newClock(bootTag(clockTagOf(self), incarnation))
    let tellNews: (news: News) => void = () => undefined
    const audit = await PeerAudit.open({
      dir,
      fleet: view.fleet,
      signer: identity,
      incarnation,
      now: () => nextHlc(hlc, systemClock.wallMs()),
      settings: options.audit,
      roles: () => keys.recipients,
      heldRoles: () => keys.held.heldRoles,
      isMember,
      keyOf: address => keyOfText(keys.held.fleetSecret, address),
      publish: checkpoint => tellNews({ kind: 'checkpoint', checkpoint }),
      log,
    })
    closers.unshift(() => audit.stop(auditGraceMs))
    const networkKey = await readNetworkKey(dir)
    const libp2p = await startLibp2p({
      privateKey: identity.privateKey,
      networkKey,
      onKeyTrouble: (trouble, from) => log.warn({ from, trouble }, keyTexts[trouble]),
      fleet: view.fleet,
      listen: { host: options.host ?? '127.0.0.1', port: options.preferredPort ?? 0 },
      bootstrap: options.bootstrap ?? [],
      known: addressFile.known(),
      members: () => view.members,
      epoch: () => view.epoch,
      incarnation,
      verifyRecord: bytes => epochOf(bytes, view.fleet),
      onAddresses: (peer, multiaddrs) => addressFile.learn(peer, multiaddrs),
      onNews: (from, news) => {
        if (news.kind === 'checkpoint') audit.heard(from, news.checkpoint)
        else health.heard(from, news)
      },
      onTurnedAway: (peer, address, reason) => audit.turnedAway(peer, address, reason),
    })
    closers.unshift(() => libp2p.stop())
    tellNews = news => libp2p.gossip.publish(news)
    const driver = new Driver({
      self,
      view,
      hlc,
      incarnation,
      disk: opened.disk,
      recordsLost,
      damageMarked: () => void opened.acknowledgeDamage().catch(failure => stopForDisk(failure)),
      network: health.watching(libp2p.network),
      clock: systemClock,
      checker: newEnvelopeChecker({ fleet: view.fleet, isAuthor }),
      limits: defaultLimits,
      random: seeded(Number.parseInt(hlc.tag, 16)),
      report: (event: DriverEvent) => {
        health.note(event)
        logEvent(log, event)
        if (event.kind === 'envelopeRefused') audit.notTaken(event.from, 'INTEGRITY_FAILED', event.message)
        if (event.kind === 'frameRefused') audit.notTaken(event.from, 'FRAME_REFUSED', 'frame')
        if (event.kind === 'viewAdopted') adopted(event.view)
      },
      passedOn: (from, message) => control.heard(from, message),
      failed: failure => stopForDisk(failure),
    })
    const stopForDisk = (failure: unknown) => {
      health.diskFailed()
      log.error({ failure: String(failure) }, 'the disk failed: nothing more is promised')
    }
    const registers: RegisterParts = {
      hlc,
      clock: driver.clock,
      sealer: {
        seal: (facts, body) =>
          signControl({ ...facts, fleet: genesis.fleet, author: identity, expiresAtMs: 0 }, body),
        open: controlBody,
      },
      submit: (operation, timeoutMs, done) => driver.submit(operation, timeoutMs, done),
    }
    let finder: PeerSearch | null = null
    const keys = await KeyService.start({
      dir,
      self: identity,
      fleet: view.fleet,
      view: () => view,
      exchange: libp2p.keys,
      register: sharedRegister(registers, keysRegisterKey),
      clock: systemClock,
      log,
      sealed: () => {
        store.forget()
        entries.forget()
        finder?.forget()
      },
    })
    closers.unshift(async () => keys.stop())
    const retentionDuty = new RetentionDuty({ desk: () => retention, clock: systemClock, log })
    const control = new ControlPlane({
      ...registers,
      self,
      view: () => view,
      reports: driver.reports,
      tellView: newer => driver.tellView(newer),
      deadForMs: peer => driver.deadForMs(peer),
      leaseMs: leaseDefaultMs,
      random: seeded(Number.parseInt(hlc.tag, 16) + 1),
      disk: opened.disk,
      recordsLost,
      send: (to, message) => driver.pass(to, message),
      carryOut: (work, done) => driver.carryOut(work, done),
      compact: () => opened.compact(),
      duties: [retentionDuty, reshareDuty(() => keys, log)],
      report: event => {
        health.count(event.kind)
        log.info({ ...event }, controlTexts[event.kind])
      },
    })
    const adopted = (newer: View) => {
      view = newer
      control.viewAdopted()
      if (isMember(self)) return
      log.info({ epoch: newer.epoch }, 'this peer is no member of the fleet any more')
      options.onLeft?.()
    }
    // Whoever leads may be told to carry out a duty as soon as it takes part: what duties use is there before.
    const submitter: Submitter = {
      submit: (operation, timeoutMs) => new Promise(resolve => driver.submit(operation, timeoutMs, resolve)),
    }
    const storeParts: StoreParts = {
      submitter,
      fleet: {
        id: view.fleet,
        get roles() {
          return keys.recipients
        },
      },
      keys: keys.held,
      author: identity,
      isAuthor,
      nameOf: peer => view.members.find(member => member.id === peer)?.name ?? null,
      clock: driver.clock,
      hlc,
      limits: options.contextBytesMax === undefined ? {} : { contextBytesMax: options.contextBytesMax },
    }
    const store = newContextStore(storeParts)
    const local = localHistories(opened.disk, self, () => view)
    const retention = new RetentionDesk({
      store: storeParts,
      register: sharedRegister(registers, retentionRegisterKey),
      local,
    })
    const desk = new StoreDesk(storeParts)
    const entries = new LocalEntries({ desk, local, changes: () => opened.stats().sequence })
    closers.unshift(async () => entries.close())
    const began = new Promise<void>((resolve, reject) =>
      driver.start(failure => {
        if (failure) return reject(failure)
        control.start()
        resolve()
      }),
    )
    void began.then(
      () => keys.follow(),
      () => undefined,
    )
    await Promise.race([Promise.all([began, keys.opened()]), delay(timeWaitMs, undefined, { ref: false })])
    if (!driver.clock.isKnown) log.warn({}, 'too few other members are heard to know the time of the fleet')
    addressFile.learn(self, libp2p.addresses())
    libp2p.discovery
      .publishRecord(readRecord(join(dir, 'fleet.json')))
      .catch(failure => log.warn({ failure: String(failure) }, 'the fleet record could not be published'))
    libp2p.gossip.publish({ kind: 'epoch', epoch: view.epoch })
    const news = setInterval(() => {
      const counters = { damagedPartitions: driver.damagedPartitions().length }
      libp2p.gossip.publish({ kind: 'health', peer: self, counters })
      // Beats tell it to whom this peer is connected, at once; while partitions move, views follow each other fast.
      libp2p.gossip.publish({ kind: 'epoch', epoch: view.epoch })
    }, newsEveryMs)
    closers.unshift(async () => clearInterval(news))

    finder = startPeerSearch({
      dir,
      self: identity,
      view: () => view,
      driver,
      exchange: libp2p.search,
      changes: opened.changes,
      local,
      desk,
      entitledTo: peer => (isMember(peer) ? keys.entitlementsOf(peer) : []),
      log,
    })
    const { search, stop: stopSearch } = finder
    closers.unshift(stopSearch)
    const catalogue = new CatalogueDesk({
      entries,
      store,
      clock: driver.clock,
      checkReader: role => desk.access.checkReader(role),
    })
    const counters = () => ({
      ...health.counters(),
      ...libp2p.counters(),
      ...retentionDuty.counters(),
      ...audit.counters(),
      ...keys.counters(),
      diskBatches: opened.stats().batches,
    })
    const admin = new FleetAdmin({
      self,
      control,
      view: () => view,
      record: readRecord(join(dir, 'fleet.json')).toString('utf8'),
      keys,
      networkKey,
      versions: wireVersions,
      isConnected: peer => libp2p.network.isConnected(peer),
      addresses: () => ({ ...addressFile.known(), [self]: libp2p.addresses() }),
      sizeOf: (from, to) => opened.sizeOf(from, to),
      copiedBytes: () => driver.copiedBytes(),
    })
    let stopping: Promise<void> | null = null
    const stop = async (graceMs: number) => {
      health.stopping()
      const deadline = performance.now() + graceMs
      while (driver.pending > 0 && performance.now() < deadline)
        await new Promise(wait => setTimeout(wait, 20))
      // While the others still hear where the log ends.
      await audit.stop(auditGraceMs)
      control.stop()
      driver.stop()
      for (const close of closers) await close()
      addressFile.flush()
    }
    return {
      id: self,
      name,
      fleet: view.fleet,
      store,
      retention,
      catalogue,
      search,
      audit,
      addresses: () => libp2p.addresses(),
      status: () =>
        health.status({
          name,
          version: options.version,
          leader: admin.leader().leader,
          healthOf: peer => driver.healthOf(peer),
          lags: driver.lags(),
          clock: driver.clock,
          roles: keys.recipients,
          held: keys.held.heldRoles,
          sealedWhy: keys.held.sealedWhy,
          damaged: driver.damagedPartitions().length,
          audit: audit.reasons(peer => view.members.find(member => member.id === peer)?.name ?? peer),
          counters: counters(),
        }),
      checks: () => [...health.checks(driver.damagedPartitions().length), keys.check(), audit.readiness()],
      counters,
      ring: () => view,
      control: admin,
      keys,
      stop: graceMs => (stopping ??= stop(graceMs)),
    }
  } catch (failure) {
    for (const close of closers) await close()
    throw failure
  }
}
