import { crc32 } from 'node:zlib'
import type { FleetId, PeerId } from '../../../base/ids.ts'
import { checkView } from '../../../dht/view.ts'
import { decodeDuty, encodeDuty, firstRecord } from '../../../election/duty-record.ts'
import { decodeLease, encodeLease } from '../../../election/record.ts'
import { decodeReport, encodeReport } from '../../../election/report.ts'
import { ByteQueue } from '../../../node/adapters/libp2p/byte-queue.ts'
import { nextArrival } from '../../../node/adapters/libp2p/framing.ts'
import { decodeHelloMessage, encodeHello, encodeRefusal } from '../../../node/adapters/libp2p/hello.ts'
import { decodeNews, encodeNews } from '../../../node/adapters/libp2p/news.ts'
import { parseHeadKey, parseHintKey, parseVersionKey } from '../../../node/driver/codec/keys.ts'
import {
  decodeHead,
  decodePartition,
  decodeStoredView,
  decodeVersion,
  encodeChange,
  hintIsWhole,
} from '../../../node/driver/codec/records.ts'
import { decodeView, encodeView } from '../../../node/driver/codec/view.ts'
import { decodeFrame, encodeFrame } from '../../../node/driver/codec/wire.ts'
import { diskGolden, viewGolden, wireGolden } from '../../driver/codec/golden.ts'
import { writer } from '../keys.ts'
import { holds, refusesOr, same, type Target } from '../target.ts'

const hex = (text: string): Uint8Array => Buffer.from(text, 'hex')
const frames = Object.values(wireGolden).map(hex)
const [, viewRecord = ''] = viewGolden.split(' ')
const headerBytes = 5
const view = hex(viewRecord).subarray(headerBytes)

const frame: Target = {
  name: 'wire frame',
  seeds: [
    ...frames,
    encodeFrame({
      clock: decodeFrame(frames[0]!).clock,
      messages: frames.flatMap(one => [...decodeFrame(one).messages]),
    }),
  ],
  weight: 3,
  run: input =>
    refusesOr(
      () => decodeFrame(input),
      read => {
        const again = encodeFrame(read)
        holds(same(again, input), 'a frame has one encoding')
      },
    ),
}

const arrivals: Target = {
  name: 'framing',
  seeds: [
    Buffer.concat(frames.slice(0, 4).flatMap(one => [Buffer.of(0, 0, 0, one.length), one])),
    Buffer.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 7),
  ],
  weight: 1,
  run: input => {
    const queue = new ByteQueue()
    let taken = 0
    for (let at = 0; at < input.length; at += 1 + (input[at]! % 97)) {
      queue.push(input.subarray(at, at + 1 + (input[at]! % 97)))
      for (let more = true; more; ) {
        const arrival = nextArrival(queue, 4_096)
        if (arrival.kind === 'oversize') return false
        if (arrival.kind === 'frame') taken += arrival.frame.length
        more = arrival.kind !== 'partial'
      }
    }
    holds(taken <= input.length, 'no frame holds what did not arrive')
    return taken > 0
  },
}

const hello: Target = {
  name: 'hello',
  seeds: [
    encodeHello({
      versions: { from: 2, to: 2 },
      fleet: 'fe'.repeat(32) as FleetId,
      incarnation: 3,
      epoch: 9,
    }),
    encodeRefusal('fleetDiffers'),
  ].map(one => one.subarray(2)),
  weight: 1,
  run: input =>
    refusesOr(
      () => decodeHelloMessage(input),
      said => {
        const again = said!.kind === 'hello' ? encodeHello(said!.hello) : encodeRefusal(said!.reason)
        const second = decodeHelloMessage(again.subarray(2))
        holds(JSON.stringify(second) === JSON.stringify(said), 'a hello is read as it was written')
      },
    ),
}

const news: Target = {
  name: 'gossip news',
  seeds: [
    encodeNews({ kind: 'epoch', epoch: 12 }),
    encodeNews({ kind: 'health', peer: writer.peerId, counters: { damagedPartitions: 3, other: 2 ** 40 } }),
  ],
  weight: 1,
  run: input =>
    refusesOr(
      () => decodeNews(input),
      said =>
        holds(
          same(encodeNews(said!), encodeNews(decodeNews(encodeNews(said!))!)),
          'news are read as written',
        ),
    ),
}

const views: Target = {
  name: 'view',
  seeds: [view],
  weight: 1,
  run: input =>
    refusesOr(
      () => decodeView(input),
      read => {
        holds(same(encodeView(read), input), 'a view has one encoding')
        // Whoever takes it over asks this first, and it must not fall over either.
        checkView(read)
      },
    ),
}

type DiskSeed = { readonly key: Uint8Array; readonly value: Uint8Array }
const disk: DiskSeed[] = [...Object.values(diskGolden), viewGolden].flatMap(text => {
  const [key = '', value = ''] = text.split(' ')
  return value === '' ? [] : [{ key: hex(key), value: hex(value) }]
})

/** Input: a byte that chooses the kind, then a record. Half of them get the checksum that fits. */
const records: Target = {
  name: 'disk record',
  seeds: disk.flatMap(({ value }, place) => [
    Buffer.concat([Buffer.of(place), value]),
    Buffer.concat([Buffer.of(place + 128), value]),
  ]),
  weight: 2,
  run: input => {
    const { key } = disk[(input[0] ?? 0) % disk.length]!
    const value = (input[0] ?? 0) < 128 ? input.subarray(1) : checked(key, input.subarray(1))
    return decoders.map(decode => refusesOr(() => decode(key, value))).some(taken => taken)
  },
}

const decoders: ((key: Uint8Array, value: Uint8Array) => unknown)[] = [
  (key, value) => {
    const head = decodeHead(key, value)
    if (head !== 'damaged' && key[0] === 0x68) {
      const again = encodeChange({ kind: 'head', key: parseHeadKey(key), head })
      holds(
        again.kind === 'put' && JSON.stringify(decodeHead(key, again.value)) === JSON.stringify(head),
        'a head is read as written',
      )
    }
    return head
  },
  decodeVersion,
  decodePartition,
  (_, value) => decodeStoredView(value),
  (key, value) => (hintIsWhole(key, value) ? true : null),
]

function checked(key: Uint8Array, value: Uint8Array): Uint8Array {
  if (value.length < headerBytes) return value
  const whole = Buffer.from(value)
  whole.writeUInt32BE(crc32(whole.subarray(headerBytes), crc32(Uint8Array.of(whole[0]!), crc32(key))), 1)
  return whole
}

const diskKeys: Target = {
  name: 'disk key',
  seeds: Object.values(diskGolden).map(text => hex(text.split(' ')[0]!)),
  weight: 0.5,
  run: input =>
    [parseHeadKey, parseVersionKey, parseHintKey]
      .map(parse => refusesOr<unknown>(() => parse(input)))
      .some(taken => taken),
}

const lease: Target = {
  name: 'lease record',
  seeds: [
    encodeLease({ token: 5, sequence: 6, holder: writer.peerId }),
    encodeLease({ token: 5, sequence: 6, holder: null }),
  ],
  weight: 0.5,
  run: input =>
    refusesOr(
      () => decodeLease(input),
      read => holds(same(encodeLease(read!), input), 'a lease has one encoding'),
    ),
}

const duty: Target = {
  name: 'duty record',
  seeds: [
    encodeDuty({
      ...firstRecord('compaction'),
      token: 7,
      runs: 3,
      lastRunMs: 1_780_000_000_000,
      lastOutcome: 'done',
      state: Uint8Array.of(1, 2),
    }),
    encodeDuty({ ...firstRecord('clean-up'), token: 1, paused: true }),
  ],
  weight: 0.5,
  run: input =>
    refusesOr(
      () => decodeDuty(input),
      read => holds(same(encodeDuty(read!), input), 'a duty has one encoding'),
    ),
}

const report: Target = {
  name: 'health report',
  seeds: [
    encodeReport({
      sequence: 9,
      suspected: [
        { peer: writer.peerId, forMs: 1500 },
        { peer: '12D3KooWtwo' as PeerId, forMs: 0 },
      ],
    }),
  ],
  weight: 0.5,
  run: input =>
    refusesOr(
      () => decodeReport(input),
      read => holds(same(encodeReport(read!), input), 'a report has one encoding'),
    ),
}

export const wireTargets = (): Target[] => [
  frame,
  arrivals,
  hello,
  news,
  views,
  records,
  diskKeys,
  lease,
  duty,
  report,
]
