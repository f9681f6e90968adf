import type { PeerMessage } from '../../node/peer/fleet-messages.ts'

/** How long the parts of a peer take, in microseconds of one processor core where nothing else is said. */
export type ServiceTimes = {
  /** Bytes of the sealed envelope that all of this was measured with. */
  readonly envelopeBytes: number
  readonly door: {
    /** HTTP, checks of the store, compression, sealing and signing of one write, and its answer. */
    readonly writeUs: number
    /** HTTP and checks of one read, and its answer. */
    readonly readUs: number
    /** Opening what was read. */
    readonly openUs: number
  }
  readonly checker: {
    /** Hash and signature of an envelope that this process sees for the first time. */
    readonly firstUs: number
    readonly againUs: number
  }
  /** One operation of this peer's own store: driver, peer, and what they send at the end of the turn. */
  readonly operation: {
    /** A write by the peer that coordinates it. */
    readonly writeHereUs: number
    readonly writeElsewhereUs: number
    /** A read by an owner. */
    readonly readHereUs: number
    readonly readElsewhereUs: number
  }
  /**
   * One message: decoding, driver, peer, and what they send at the end of the turn. A page of a list is given without its
   * entries, a view without its members and partitions.
   */
  readonly messageUs: Readonly<Partial<Record<PeerMessage['kind'], number>>>
  /** A message of any other kind: rare while nothing fails, and not measured. */
  readonly rareUs: number
  readonly scan: {
    /** An owner looks a page up on its disk; and for each entry reads it, decodes it and puts it into the answer. */
    readonly pageUs: number
    readonly entryUs: number
    /** Each entry at who asked: decoded, looked up, and its version asked for if it is not there. */
    readonly takenUs: number
  }
  /** A view, for each of its members and partitions: decoding and checking it, and encoding it for the disk. */
  readonly view: {
    readonly decodeMemberUs: number
    readonly decodePartitionUs: number
    readonly encodeMemberUs: number
    readonly encodePartitionUs: number
    /** Planning who owns what once members have come, where it is asked for: for each member. */
    readonly planMemberUs: number
  }
  readonly disk: {
    /** On the event loop, for one batch, and for each change in it (two for a value: head and version). */
    readonly batchUs: number
    readonly changeUs: number
    /** On the event loop once a batch is durable, for each change in it. */
    readonly syncedChangeUs: number
    /** One look at a record. */
    readonly readUs: number
    /** Of the disk alone: one synced batch, and each byte in it. */
    readonly syncUs: number
    readonly syncByteUs: number
  }
  readonly link: {
    /** An event loop that had nothing to do takes up work. */
    readonly idleUs: number
    /** Everything that one turn takes from, or gives to, the connection of one peer. */
    readonly connectionUs: number
    readonly frameUs: number
    readonly byteUs: number
  }
  /** Of the network alone, in milliseconds. Not measured: a network within one building. */
  readonly network: { readonly leastMs: number; readonly spreadMs: number; readonly byteMs: number }
}

/** When, on what and with what the times below were measured. */
export const measuredOn =
  '2026-11-21, one of two cores of an AMD EPYC, Linux 6.18, Node 26.10; contexts of 4 KB of random text, sealed to two roles; views, moves and lists while others worked on the machine, so they are rather too long than too short'

/**
 * Three real peers under 48 clients, half writes and half reads, on the same machine and day (fleet.operationUs of the
 * same script): what all processes together used for one operation, in microseconds. The model is held against it.
 */
export const realFleet = { peers: 3, operationUs: 2007, perSecond: 872 }

const acceptUs = 29

/**
 * Measured with `node test/bench/service-times/main.ts`: medians of thousands of calls, or processor time of the event
 * loop's thread where a system call is part of it. Each comment names the line of its output.
 */
export const measuredTimes: ServiceTimes = {
  envelopeBytes: 3740, // envelopes.dataBytes
  door: {
    writeUs: 1160, // door.writeUs
    readUs: 178, // door.readUs
    openUs: 238, // envelopes.openUs
  },
  checker: {
    firstUs: 169, // envelopes.checkUs
    againUs: 5.3, // envelopes.checkAgainUs
  },
  // handlers.times
  operation: { writeHereUs: 35, writeElsewhereUs: 16, readHereUs: 55, readElsewhereUs: 16 },
  messageUs: {
    // handlers.times
    request: 32,
    prepare: 11,
    promise: 47,
    accept: acceptUs,
    accepted: 6.6,
    reply: 3.8,
    query: 23,
    report: 8.8,
    // moves.times
    chainAsked: 33,
    chain: 57,
    scanAsked: 46,
    // All of it is in scan.takenUs.
    scanPage: 0,
    floorsAsked: 17,
    floors: 20,
    viewTold: 87, // moves.viewToldUs
    beat: 15,
    health: 13,
  },
  rareUs: acceptUs,
  scan: {
    pageUs: 195, // disk.loopPageUs
    entryUs: 21, // disk.loopEntryUs and moves.times.scanned
    takenUs: 35, // moves.times.scanPage
  },
  view: {
    // moves.view
    decodeMemberUs: 3.1,
    decodePartitionUs: 0.8,
    encodeMemberUs: 1.4,
    encodePartitionUs: 0.57,
    planMemberUs: 302,
  },
  disk: {
    batchUs: 106, // disk.loopBatchUs
    changeUs: 13, // half of disk.loopValueUs: a value is two changes
    syncedChangeUs: 1.6, // half of handlers.times.synced
    readUs: 9.7, // disk.readUs
    syncUs: 524, // disk.syncUs
    syncByteUs: 0.0088, // disk.syncByteUs
  },
  link: {
    idleUs: 40, // links.idleUs
    connectionUs: 45, // links.linkUs
    frameUs: 1.5, // links.frameUs
    byteUs: 0.0072, // links.byteUs
  },
  // 0.2 to 0.3 ms one way, 1 Gbit/s.
  network: { leastMs: 0.2, spreadMs: 0.1, byteMs: 0.000_008 },
}
