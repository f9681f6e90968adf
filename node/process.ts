import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SlurpError } from '../base/errors.ts'
import { bootTag, newClock } from '../base/hlc.ts'
import type { PeerId, RoleName } from '../base/ids.ts'
import { seeded } from '../base/random.ts'
import { newEnvelopeChecker } from '../crypto/envelope-checker.ts'
import { verifyFleetRecord } from '../crypto/fleet-record.ts'
import { clockTagOf, loadIdentity } from '../crypto/identity.ts'
import { readNetworkKey } from '../crypto/network-key.ts'
import type { View } from '../dht/view.ts'
import { leaseDefaultMs } from '../election/lease-state.ts'
import { defaultLimits } from '../replication/limits.ts'
import { openLevelDisk } from './adapters/level-disk/open-level-disk.ts'
import type { News } from './adapters/libp2p/news.ts'
import { wireVersions } from './adapters/libp2p/start.ts'
import { systemClock } from './adapters/system-clock.ts'
import { serveAgents } from './agent-service.ts'
import { PeerAudit } from './audit/peer-audit.ts'
import { ControlPlane, keysRegisterKey } from './control/control-plane.ts'
import { controlRegisters } from './control-registers.ts'
import { nextIncarnation, startingView } from './driver/boot.ts'
import { Driver } from './driver/driver.ts'
import type { DriverEvent } from './driver/driver-options.ts'
import { controlTexts, logEvent, recordEvent, witnessFor } from './event-log.ts'
import { FleetAdmin } from './fleet-admin.ts'
import { newerOf, readJoinedView, readRecord } from './fleet-files.ts'
import { grantDesks } from './grant-desks.ts'
import { authorsOf } from './grants/authors.ts'
import { GrantKeeper } from './grants/grant-keeper.ts'
import { mayHave, tendGrants, timeOf } from './grants/links.ts'
import { SharedSigningKey } from './grants/shared-signing-key.ts'
import { HastenedDuty } from './hastened-duty.ts'
import { refuseFormer } from './key-migration.ts'
import { KeyService } from './keys/key-service.ts'
import { keysDuty, keysDutyName } from './keys/keys-duty.ts'
import { keepMemoryOutOfDumps } from './keys/memory-guard.ts'
import { rotationPlanKey } from './keys/rotation-plan.ts'
import { AddressFile } from './known-addresses.ts'
import { contextSubject } from './local-changes.ts'
import { CryptoMeter } from './monitoring/crypto-meter.ts'
import { PeerHealth } from './peer-health.ts'
import { startPeerNetwork } from './peer-network.ts'
import { publishNews } from './peer-news.ts'
import { type PeerSearch, startPeerSearch } from './peer-search.ts'
import { readPeerFile } from './peer-settings.ts'
import type { FollowedDisk } from './ports/opened-disk.ts'
import { finishReentry, reenter } from './reentry.ts'
import { RetentionDuty } from './retention-duty.ts'
import type { PeerOptions, RunningPeer, StartPeer } from './running-peer.ts'
import { sharedRegister } from './shared-register.ts'
import { keyOfText } from './store/address-key.ts'
import { openStores } from './stores.ts'

/** What waits for the audit log gets so long when the peer stops. */
const auditGraceMs = 1_000
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
  refuseFormer(dir)
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
    await reenter(options, {
      view: genesis,
      known: addressFile.known(),
      authorityPublicKey: record.authorityPublicKey,
    })
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
    const nameOf = (peer: PeerId) => view.members.find(member => member.id === peer)?.name ?? null
    const isMember = (peer: PeerId) => view.members.some(member => member.id === peer)
    // What somebody wrote stays theirs when they have left the fleet.
    const wasMember = (peer: PeerId) => isMember(peer) || view.former.includes(peer)
    const incarnation = nextIncarnation(opened.disk, systemClock.wallMs(), recordsLost)
    const hlc = newClock(bootTag(clockTagOf(self), incarnation))
    let fleetTime = timeOf(null)
    let keysSoon: HastenedDuty | null = null
    const signingKey = new SharedSigningKey()
    const grants = await GrantKeeper.open({
      dir,
      identity,
      fleet: view.fleet,
      authorityPublicKey: record.authorityPublicKey,
      nameOf,
      key: signingKey,
      time: () => fleetTime,
      log,
    })
    const authors = authorsOf(grants, wasMember)
    let tellNews: (news: News) => void = () => undefined
    // The log begins before the time of the fleet is known.
    let wallMs = () => systemClock.wallMs()
    const audit = await PeerAudit.open({
      dir,
      fleet: view.fleet,
      signer: identity,
      incarnation,
      tag: hlc.tag,
      wallMs: () => wallMs(),
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
    const network = { identity, fleet: view.fleet, networkKey, view: () => view, incarnation }
    const libp2p = await startPeerNetwork({ ...network, options, addressFile, grants, audit, health })
    closers.unshift(() => libp2p.stop())
    tellNews = news => libp2p.gossip.publish(news)
    grants.connect(libp2p.questions)
    libp2p.keys.listen(() => {
      // Who was granted nothing yet is linked by nobody, and asks as soon as somebody hears it.
      if (grants.own === null) void grants.upkeep()
      keysSoon?.hasten()
    })
    const witness = witnessFor(self, log, audit)
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
      // Who may have written something is judged with the grant that it names.
      checker: newEnvelopeChecker({
        fleet: view.fleet,
        isAuthor: () => true,
        isGranted: (header, isFresh) =>
          authors.isGranted(header, isFresh) && (!isFresh || stores.takesNow(header)),
      }),
      limits: defaultLimits,
      random: seeded(Number.parseInt(hlc.tag, 16)),
      report: (event: DriverEvent) => {
        health.note(event)
        logEvent(log, event)
        recordEvent(audit, event)
        if (event.kind === 'viewAdopted') adopted(event.view)
        if (event.kind === 'envelopeRefused') void grants.sync.fetchMissing(event.from)
      },
      passedOn: (from, message) => control.heard(from, message),
      witness,
      failed: failure => stopForDisk(failure),
    })
    wallMs = () => (driver.clock.isKnown ? driver.clock : systemClock).wallMs()
    fleetTime = timeOf(driver.clock)
    const stopForDisk = (failure: unknown) => {
      health.diskFailed()
      log.error({ failure: String(failure) }, 'the disk failed: nothing more is promised')
    }
    const registers = controlRegisters(genesis.fleet, identity, grants, hlc, driver)
    const cryptoMeter = new CryptoMeter()
    let finder: PeerSearch | null = null
    const keys = await KeyService.start({
      dir,
      self: identity,
      fleet: view.fleet,
      view: () => view,
      exchange: libp2p.keys,
      register: sharedRegister(registers, keysRegisterKey),
      planRegister: sharedRegister(registers, rotationPlanKey),
      isBarred: peer => grants.judge.isBarred(peer),
      isGranted: mayHave(grants.judge, () => view.members),
      isAgentGranted: (peer, role) => grants.agents.mayCollect(peer, role),
      mayAgentChange: agent => grants.agents.mayChangeKeys(agent),
      meet: peer => grants.meet(peer),
      audit,
      clock: systemClock,
      log,
      sealed: () => {
        stores.forget()
        finder?.forget()
      },
      changed: () => keysSoon?.hasten(),
      meter: cryptoMeter,
      contexts: () => stores.reseal.contexts(),
    })
    signingKey.follow(() => keys.held.signingSecret)
    closers.unshift(async () => keys.stop())
    const stores = openStores({
      author: identity,
      view: () => view,
      ...{ opened, driver, hlc, registers, keys, grants, nameOf, log, options },
      meter: cryptoMeter,
      isAuthor: authors.isAuthor,
      exchange: libp2p.reseal,
    })
    const { retention, rights, local } = stores
    closers.unshift(async () => stores.close())
    const retentionDuty = new RetentionDuty({ desk: retention, clock: systemClock, log })
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
      duties: [retentionDuty, keysDuty(keys, stores.reseal.sealAnew, log)],
      report: event => {
        health.count(event.kind)
        if (event.kind === 'elected') keysSoon?.hasten()
        log.info({ ...event }, controlTexts[event.kind])
      },
    })
    keysSoon = new HastenedDuty({ name: keysDutyName, control, clock: systemClock })
    closers.unshift(async () => keysSoon?.stop())
    const adopted = (newer: View) => {
      view = newer
      witness.viewAdopted()
      control.viewAdopted()
      if (isMember(self)) return
      log.info({ epoch: newer.epoch }, 'this peer is no member of the fleet any more')
      options.onLeft?.()
    }
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
    const stopNews = publishNews({
      gossip: libp2p.gossip,
      self,
      damagedPartitions: () => driver.damagedPartitions().length,
      epoch: () => view.epoch,
    })
    closers.unshift(async () => stopNews())
    const stopTending = tendGrants(grants, digest => libp2p.gossip.publish({ kind: 'grants', digest }))
    closers.unshift(async () => stopTending())
    finder = startPeerSearch({
      dir,
      self: identity,
      view: () => view,
      driver,
      exchange: libp2p.search,
      changes: opened.changes,
      local,
      desk: stores.desk,
      entitledTo: peer =>
        keys.entitlementsOf(peer).filter(role => grants.judge.mayHold(peer, role as RoleName)),
      indexes: options.indexes,
      log,
    })
    closers.unshift(finder.stop)
    const ofAgents = { self, view: () => view, libp2p, driver, hlc, keys, grants, audit, addressFile }
    const agentCounters = serveAgents({ ...ofAgents, local, changes: opened.changes, log })
    const counters = () => ({
      ...health.counters(),
      ...libp2p.counters(),
      ...retentionDuty.counters(),
      ...grants.sync.counters,
      ...audit.counters(),
      ...keys.counters(),
      ...agentCounters(),
      ...stores.reseal.counters(),
      diskBatches: opened.stats().batches,
    })
    const admin = new FleetAdmin({
      self,
      control,
      view: () => view,
      record: readRecord(join(dir, 'fleet.json')).toString('utf8'),
      keys,
      grants,
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
      store: rights.storeOf(rights.self, null),
      rights,
      ...grantDesks({
        keeper: grants,
        rights,
        view: () => view,
        authorityPublicKey: record.authorityPublicKey,
        registers,
        control: admin,
        addresses: () => libp2p.addresses(),
        networkKey,
        rotations: keys.rotations,
      }),
      retention,
      catalogue: rights.catalogueOf(rights.self, null),
      search: finder.search,
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
          audit: audit.reasons(peer => nameOf(peer) ?? peer),
          counters: counters(),
        }),
      checks: () => [...health.checks(driver.damagedPartitions().length), keys.check(), audit.readiness()],
      counters,
      ring: () => view,
      control: admin,
      keys,
      cryptoMeter,
      stop: graceMs => (stopping ??= stop(graceMs)),
    }
  } catch (failure) {
    for (const close of closers) await close()
    throw failure
  }
}
