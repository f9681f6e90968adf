import type { PeerId } from '../base/ids.ts'
import type { DriverEvent } from './driver/driver-options.ts'
import { MemberWitness } from './member-witness.ts'
import type { PeerOptions } from './running-peer.ts'

/** What the log says of who leads. */
export const controlTexts = {
  elected: 'this peer leads now',
  deposed: 'this peer leads no more',
  replaced: 'a peer stayed away for too long: its partitions go to others',
} as const

/** What the log says of callers that the network key keeps out. */
const keyTexts = {
  noKey: 'a caller has no network key: its network.key is missing, or it is no peer of this fleet',
  otherKey: 'a caller has another network key: network.key must be the same file on every peer',
  keyUnwanted: 'a caller has a network key, and this peer has none: its network.key is missing',
} as const

/** A caller that the network key kept out. @param from - multiaddress, null where it is not known. */
export function noteKeyTrouble(
  log: PeerOptions['log'],
  audit: { turnedAway(peer: string, source: string | null, reason: string): void },
  trouble: keyof typeof keyTexts,
  from: string | null,
): void {
  log.warn({ from, trouble }, keyTexts[trouble])
  audit.turnedAway('unknown', from, trouble)
}

/** Tells the audit log what other members sent and the driver did not take. */
export function recordEvent(
  audit: { notTaken(from: PeerId, code: string, rule: string): void },
  event: DriverEvent,
): void {
  if (event.kind === 'envelopeRefused') audit.notTaken(event.from, 'INTEGRITY_FAILED', event.message)
  if (event.kind === 'frameRefused') audit.notTaken(event.from, 'FRAME_REFUSED', 'frame')
  if (event.kind === 'clockAhead') audit.notTaken(event.from, 'CLOCK_AHEAD', 'clock')
}

const brokenTexts = {
  older: 'a member answered with less than it acknowledged: its disk lost it, or it lies',
  silent:
    'a member says that it is there, and answers no question: it withholds, or hears nothing of this peer',
} as const

const brokenCodes = { older: 'OLDER_THAN_ACKNOWLEDGED', silent: 'NO_ANSWER' } as const

/** Tells both logs of a member that contradicts itself. */
export const witnessFor = (
  self: PeerId,
  log: PeerOptions['log'],
  audit: { brokeWord(by: PeerId, code: string, rule: string): void },
): MemberWitness =>
  new MemberWitness({
    self,
    monotonicMs: () => performance.now(),
    broken: (by, word, rule) => {
      log.warn({ peer: by, questions: rule }, brokenTexts[word])
      audit.brokeWord(by, brokenCodes[word], rule)
    },
  })

/** Tells the log what the driver reports and somebody may want to know. */
export function logEvent(log: PeerOptions['log'], event: DriverEvent): void {
  switch (event.kind) {
    case 'damageFound':
      return log.warn({ key: event.key }, 'a damaged record was found; it is read back from the others')
    case 'damageRepaired':
      return log.info({ key: event.key }, 'a damaged record is whole again')
    case 'partitionDamaged':
      return log.warn({ partition: event.partition }, 'a partition may have lost records; it is read back')
    case 'partitionRepaired':
      return log.info({ partition: event.partition }, 'a partition is whole again')
    case 'frameRefused':
      return log.warn({ from: event.from, why: event.why }, 'a frame was refused')
    case 'envelopeRefused':
      return log.warn({ from: event.from, message: event.message }, 'an envelope was refused')
    case 'clockAhead':
      return log.debug({ from: event.from }, 'a clock is far ahead')
    case 'frameDropped':
    case 'counted':
      return
  }
}
