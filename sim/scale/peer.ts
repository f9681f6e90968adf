import { bootTag, type Clock as HlcClock, newClock, nextHlc, peerTagDigits } from '../../base/hlc.ts'
import type { Hlc, PeerId } from '../../base/ids.ts'
import { ownersOf, type View } from '../../dht/view.ts'
import { leaseDefaultMs } from '../../election/lease-state.ts'
import { ControlPlane } from '../../node/control/control-plane.ts'
import type { Change } from '../../node/control/view-register.ts'
import { decodeFrame } from '../../node/driver/codec/wire.ts'
import { Driver } from '../../node/driver/driver.ts'
import type { DriverEvent } from '../../node/driver/driver-options.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import type {
  Clock,
  ControlSealer,
  Disk,
  DiskChange,
  EnvelopeChecker,
  Network,
} from '../../node/ports/ports.ts'
import { defaultLimits } from '../../replication/limits.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import { epochMs } from '../clock.ts'
import { noDiskFaults, SimDisk } from '../disk.ts'
import { cheapHash } from '../envelope.ts'
import type { SimNetwork } from '../network.ts'
import type { World } from '../world.ts'
import type { Counters } from './counters.ts'
import { EventLoop } from './event-loop.ts'
import type { ServiceTimes } from './service-times.ts'
import type { Spread } from './spread.ts'

/**
 * Envelopes whose signature a process remembers to have checked. Few on purpose, as the real data set is far larger
 * than the real memory of 4,096 and the simulated one is not: a read must not profit from it.
 */
const rememberedMax = 64
const timeoutMs = 30_000
/** What an envelope has besides its body, about. */
const signatureBytes = 250

export type ScalePeerOptions = {
  readonly world: World
  readonly network: SimNetwork
  readonly view: View
  readonly self: PeerId
  /** From 0, unique in the fleet. */
  readonly number: number
  readonly times: ServiceTimes
  readonly counters: Counters
  readonly spread: Spread
  /** What its disk has before it starts. */
  readonly stored: readonly DiskChange[]
}

const ms = (us: number): number => us / 1_000

/** The production driver and peer whose ports take the time of a processor core, a disk and a network. */
export class ScalePeer {
  readonly loop: EventLoop
  /** Time that the disk spent syncing, in milliseconds. */
  diskBusyMs = 0
  readonly driver: Driver
  readonly control: ControlPlane
  private readonly options: ScalePeerOptions
  private readonly hlc: HlcClock
  private readonly remembered = new Set<string>()

  constructor(options: ScalePeerOptions) {
    this.options = options
    const { world, view, self, number, times } = options
    this.loop = new EventLoop(world, ms(times.link.idleUs))
    this.hlc = newClock(bootTag((number + 1).toString(16).padStart(peerTagDigits, '0'), 1))
    const clock = this.clock()
    const disk = this.disk()
    this.driver = new Driver({
      self,
      view,
      hlc: this.hlc,
      incarnation: 1,
      disk,
      recordsLost: false,
      network: this.network(),
      clock,
      checker: this.checker(),
      limits: defaultLimits,
      random: world.random(`driver ${number}`),
      report: event => this.reported(event),
      passedOn: (from, message) => this.control.heard(from, message),
      failed: failure => {
        throw failure
      },
    })
    this.control = new ControlPlane({
      self,
      hlc: this.hlc,
      clock: this.driver.clock,
      sealer: this.sealer(),
      submit: (operation, waitMs, done) => {
        this.loop.use(ms(this.handlingUs(operation)))
        this.driver.submit(operation, waitMs, done)
      },
      view: () => this.driver.view(),
      reports: this.driver.reports,
      tellView: view => {
        options.spread.agreed(view, this.loop.localMs)
        this.driver.tellView(view)
      },
      deadForMs: peer => this.driver.deadForMs(peer),
      leaseMs: leaseDefaultMs,
      random: world.random(`control ${number}`),
      disk,
      recordsLost: false,
      send: (to, message) => this.driver.pass(to, message),
      carryOut: (work, done) => this.driver.carryOut(work, done),
      compact: () => Promise.resolve(),
      report: () => undefined,
    })
  }

  start(): void {
    this.driver.start(failure => {
      if (failure !== null) throw failure
      this.control.start()
    })
  }

  /** The id of the next write of this process. */
  nextId(): Hlc {
    return nextHlc(this.hlc, this.wallMs())
  }

  /** One operation that came in at the door. `done` is told at the virtual time at which its answer leaves. */
  submit(operation: Operation, done: (outcome: Outcome, atMs: number) => void): void {
    const { loop } = this
    const { door } = this.options.times
    loop.post(() => {
      loop.use(ms(this.costOf(operation)))
      if (operation.kind === 'write') this.remember(operation.value.hash)
      this.driver.submit(operation, timeoutMs, outcome => {
        if (outcome.kind === 'found') {
          loop.use(ms(door.openUs))
          loop.use(ms(this.checkUs(outcome.value.hash)))
        }
        done(outcome, loop.localMs)
      })
    })
  }

  /** Somebody asks this peer for another view of the fleet. */
  changeView(change: Change): void {
    this.loop.post(() => {
      this.loop.use(ms(this.options.times.view.planMemberUs * this.driver.view().members.length))
      this.control.change(change, timeoutMs, () => undefined)
    })
  }

  private costOf(operation: Operation): number {
    const { door } = this.options.times
    return (operation.kind === 'write' ? door.writeUs : door.readUs) + this.handlingUs(operation)
  }

  private handlingUs(operation: Operation): number {
    const { self, times } = this.options
    const owners = ownersOf(this.driver.view(), operation.key)
    const { writeHereUs, writeElsewhereUs, readHereUs, readElsewhereUs } = times.operation
    return operation.kind === 'write'
      ? owners[0] === self
        ? writeHereUs
        : writeElsewhereUs
      : owners.includes(self)
        ? readHereUs
        : readElsewhereUs
  }

  private messageUs(message: PeerMessage): number {
    const { messageUs, rareUs, scan, view } = this.options.times
    const us = messageUs[message.kind] ?? rareUs
    if (message.kind === 'scanPage') return us + scan.takenUs * message.entries.length
    if (message.kind !== 'viewTold') return us
    const { members, partitions } = message.view
    return us + view.decodeMemberUs * members.length + view.decodePartitionUs * partitions.length
  }

  private reported(event: DriverEvent): void {
    const { counters, self, spread, times } = this.options
    counters.reported(event)
    if (event.kind !== 'viewAdopted') return
    const { members, partitions } = event.view
    const { encodeMemberUs, encodePartitionUs } = times.view
    this.loop.use(ms(encodeMemberUs * members.length + encodePartitionUs * partitions.length))
    spread.adopted(self, event.view, this.loop.localMs)
    this.control.viewAdopted()
  }

  private wallMs(): number {
    return Math.floor(epochMs + this.loop.localMs)
  }

  private clock(): Clock {
    const { loop } = this
    const { world } = this.options
    return {
      wallMs: () => this.wallMs(),
      monotonicMs: () => loop.localMs,
      at: (atMs, wake) => {
        let isWanted = true
        const cancel = world.after(atMs - world.nowMs, () =>
          loop.post(() => {
            if (isWanted) wake()
          }),
        )
        return () => {
          isWanted = false
          cancel()
        }
      },
      soon: run => loop.soon(run),
    }
  }

  private network(): Network {
    const { loop } = this
    const { world, network, self, times, counters } = this.options
    const { link } = times
    const port = network.portOf(
      self,
      () => true,
      run => loop.post(run),
    )
    const turns = { in: new Map<PeerId, number>(), out: new Map<PeerId, number>() }
    /** What one turn takes from or gives to one connection costs once, and each frame in it. */
    const pass = (peer: PeerId, frame: Uint8Array, ways: Map<PeerId, number>) => {
      if (ways.get(peer) !== loop.turn) loop.use(ms(link.connectionUs))
      ways.set(peer, loop.turn)
      loop.use(ms(link.frameUs + link.byteUs * frame.length))
    }
    return {
      listen: listener =>
        port.listen({
          peerConnected: peer => listener.peerConnected(peer),
          peerLost: peer => listener.peerLost(peer),
          frameArrived: (from, frame) => {
            pass(from, frame, turns.in)
            for (const message of decodeFrame(frame).messages) {
              counters.message(message.kind)
              loop.use(ms(this.messageUs(message)))
            }
            listener.frameArrived(from, frame)
          },
        }),
      send: (to, frame) => {
        pass(to, frame, turns.out)
        counters.frame(frame.length)
        world.after(loop.localMs - world.nowMs, () => {
          if (!port.send(to, frame)) counters.dropped += 1
        })
        return true
      },
    }
  }

  private disk(): Disk {
    const { loop } = this
    const { world, number, times, stored } = this.options
    const { batchUs, changeUs, syncedChangeUs, readUs, syncUs, syncByteUs } = times.disk
    const { scan } = times
    const machine = new SimDisk({
      random: world.random(`disk ${number}`),
      schedule: (delayMs, run) => void world.after(delayMs, run),
      faults: { ...noDiskFaults, writeDelayMs: [0, 0], answerDelayMs: [0, 0], scanDelayMs: [0, 0] },
    })
    machine.fill(stored)
    const { disk } = machine.restart()
    return {
      write: (batch, done) => {
        loop.use(ms(batchUs + changeUs * batch.length))
        let bytes = 0
        for (const change of batch)
          bytes += change.key.length + (change.kind === 'put' ? change.value.length : 0)
        const syncMs = ms(syncUs + syncByteUs * bytes)
        this.diskBusyMs += syncMs
        world.after(loop.localMs + syncMs - world.nowMs, () =>
          disk.write(batch, failure =>
            loop.post(() => {
              loop.use(ms(syncedChangeUs * batch.length))
              done(failure)
            }),
          ),
        )
      },
      read: key => {
        loop.use(ms(readUs))
        return disk.read(key)
      },
      scan: (from, to, limit, done) =>
        disk.scan(from, to, limit, (failure, entries) =>
          loop.post(() => {
            loop.use(ms(scan.pageUs + scan.entryUs * entries.length))
            done(failure, entries)
          }),
        ),
    }
  }

  private checker(): EnvelopeChecker {
    return {
      accepts: ({ hash }) => {
        this.loop.use(ms(this.checkUs(hash)))
        return true
      },
    }
  }

  /** Signing takes about as long as checking; what is signed stays readable. */
  private sealer(): ControlSealer {
    return {
      seal: (_facts, body) => {
        const data = new Uint8Array(signatureBytes + body.length)
        data.set(body, signatureBytes)
        this.loop.use(ms(this.options.times.checker.firstUs))
        return { data, hash: cheapHash(data) }
      },
      open: data => data.slice(signatureBytes),
    }
  }

  private checkUs(hash: string): number {
    const { firstUs, againUs } = this.options.times.checker
    if (this.remembered.has(hash)) return againUs
    this.remember(hash)
    return firstUs
  }

  private remember(hash: string): void {
    this.remembered.add(hash)
    if (this.remembered.size <= rememberedMax) return
    for (const oldest of this.remembered) {
      this.remembered.delete(oldest)
      return
    }
  }
}
