import type { Hlc } from '../../base/ids.ts'
import { encodeFrame } from '../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'

const sample = (message: PeerMessage): Uint8Array =>
  encodeFrame({ clock: '0'.repeat(24) as Hlc, messages: [message] })

const beat = sample({ kind: 'beat', epoch: 0, reports: [] })
const health = sample({ kind: 'health', report: { sequence: 0, suspected: [] } })
/** Where the tag of a frame's first message is: everything before it is the same in both. */
const tagAt = beat.findIndex((byte, at) => byte !== health[at])
const countAt = tagAt - 1

/** Whether a frame carries one message that says who is there, and no other: half of all frames. It is not decoded. */
export const saysOnlyWhoIsThere = (frame: Uint8Array): boolean =>
  frame[countAt] === beat[countAt] && (frame[tagAt] === beat[tagAt] || frame[tagAt] === health[tagAt])
