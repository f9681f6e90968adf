import type { Digest } from '../base/ids.ts'
import type { Runner } from './control/duty-desk.ts'
import type { Exchange } from './ports/exchange.ts'
import { failureOf, ResealLead, type ResealLeadParts } from './reseal/leader.ts'
import { PeerWork, type PeerWorkParts } from './reseal/peer-work.ts'
import { decodeOrder, encodeReport } from './reseal/wire.ts'
import type { Log } from './running-peer.ts'

export type ResealPeerParts = Omit<PeerWorkParts, 'isConnected' | 'grant' | 'threads'> &
  Omit<ResealLeadParts, 'work' | 'exchange'> & {
    readonly exchange: Exchange
    readonly grantHash: () => Digest | undefined
    /** Deals secrets anew where peers came or went: the same duty sees to it first. */
    readonly reshare: Runner
    readonly log: Log
  }

/** What is sealed to which key is counted so long after the start, and so often after that. */
const firstCountMs = 30_000
const countEveryMs = 15 * 60_000
/** Two cores leave one for whoever asks. */
const threads = 2

/** A peer's part in sealing anew after a rotation, and the leader's duty about keys. */
export function startReseal(parts: ResealPeerParts) {
  const { exchange, clock, log, grantHash, reshare } = parts
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
  return {
    contexts: () => work.known,
    counters: () => ({ ...work.counters }),
    duty: keysDuty(reshare, lead, log),
    stop: () => {
      cancel()
      work.stop()
    },
  }
}

/** The duty of the leader about keys: shares are dealt anew, then contexts are sealed anew, then old keys go. */
const keysDuty = (reshare: Runner, lead: ResealLead, log: Log): Runner => ({
  spec: reshare.spec,
  run(order, ended) {
    let isStopped = false
    const dealing = reshare.run(order, outcome => {
      if (outcome !== 'done' || isStopped) return ended(isStopped ? 'stopped' : outcome)
      lead
        .stretch(order.token, order.state, () => isStopped)
        .then(({ outcome, state }) => ended(isStopped ? 'stopped' : outcome, state))
        .catch((failure: unknown) => {
          log.warn({ failure: failureOf(failure) }, 'contexts could not be sealed anew now')
          ended('failed')
        })
    })
    return {
      stop: () => {
        isStopped = true
        dealing.stop()
      },
    }
  },
})
