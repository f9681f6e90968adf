import type { Digest } from '../base/ids.ts'
import type { SealAnew } from './keys/keys-duty.ts'
import type { Exchange } from './ports/exchange.ts'
import { ResealLead, type ResealLeadParts } from './reseal/leader.ts'
import { PeerWork, type PeerWorkParts } from './reseal/peer-work.ts'
import { decodeOrder, encodeReport } from './reseal/wire.ts'
import type { Log } from './running-peer.ts'

export type ResealPeerParts = Omit<PeerWorkParts, 'isConnected' | 'grant' | 'threads'> &
  Omit<ResealLeadParts, 'work' | 'exchange'> & {
    readonly exchange: Exchange
    readonly grantHash: () => Digest | undefined
    readonly log: Log
  }

/** What is sealed to which key is counted so long after the start, and so often after that. */
const firstCountMs = 30_000
const countEveryMs = 15 * 60_000
/** Two cores leave one for whoever asks. */
const threads = 2

/** A peer's part in sealing anew after a rotation, and what it does of it as the leader. */
export function startReseal(parts: ResealPeerParts) {
  const { exchange, clock, log, grantHash } = parts
  const grant = () => {
    const hash = grantHash()
    return hash === undefined ? {} : { grant: hash }
  }
  const work = new PeerWork({ ...parts, grant, threads, isConnected: peer => exchange.isConnected(peer) })
  const lead = new ResealLead({ ...parts, work })
  exchange.serve(async (_, question) => {
    const order = decodeOrder(question)
    return encodeReport(order === null ? null : await work.obey(order))
  })
  let cancel: () => void = () => undefined
  const countAfter = (ms: number) => {
    cancel = clock.at(clock.monotonicMs() + ms, () => {
      countAfter(countEveryMs)
      work
        .count()
        .catch((failure: unknown) => log.warn({ failure: String(failure) }, 'contexts were not counted'))
    })
  }
  countAfter(firstCountMs)
  const sealAnew: SealAnew = ({ token, state }, isStopped) => lead.stretch(token, state, isStopped)
  return {
    contexts: () => work.known,
    counters: () => ({ ...work.counters }),
    /** As the leader: for some seconds, from where the last run left off. */
    sealAnew,
    stop: () => {
      cancel()
      work.stop()
    },
  }
}
