import { z } from 'zod'
import type { View } from '../../dht/view.ts'
import type {
  DutyList,
  DutyWished,
  FleetChange,
  JoinTicket,
  LeaderStatus,
  RingPlan,
  RingProgress,
} from '../fleet-control.ts'

/** Holds a schema to the type that the peer answers with, so that the document cannot drift from it. */
type Describes<T> = z.ZodType<T>

const ids = z.array(z.string())
const names = z.array(z.string())
const epoch = z.int().describe('Version of the view')
const stage = z.enum(['stable', 'learn', 'joint'])

const moveSettings = z.object({
  paused: z.boolean(),
  bytesPerSecond: z.int().describe('That one peer copies for moves'),
  atOnceMax: z.int().describe('Partitions on their way at once'),
  replaceAfterMs: z.int().describe('A member that is down for so long is taken out; 0: never'),
})

const assignment = z.object({
  epoch: z.int(),
  stage,
  owners: ids.describe('Nearest first; during a move those before it'),
  nextOwners: ids.describe('Empty while nothing moves'),
  entered: z.record(z.string(), z.int()).optional().describe('Epoch in which an owner came in'),
})

export const ring = z.object({
  fleet: z.string(),
  epoch,
  replicas: z.int(),
  members: z.array(z.object({ id: z.string(), name: z.string(), weight: z.number(), zone: z.string() })),
  partitions: z.array(assignment).describe('Indexed by partition number'),
  control: assignment.describe('Who agrees on the view and on the leader'),
  leaving: ids.describe('Members on their way out'),
  former: ids.describe('Who was a member before'),
  pending: z
    .array(z.object({ partition: z.int(), owners: ids }))
    .describe('Moves planned and not begun; the control group has the number 4096'),
  moves: moveSettings,
  token: z.int().describe('Highest token of a leader that changed the view'),
}) satisfies z.ZodType<{ epoch: View['epoch'] }>

export const joinTicket = z.object({
  fleet: z.string(),
  name: z.string(),
  record: z.string().describe('The signed fleet record'),
  view: z.string().describe('base64 of the view that names the new peer'),
  grant: z.string().describe('What it shows to the others: base64 of grant.json'),
  keys: z.string().describe('base64 of the registry of keys, which entitles it'),
  networkKey: z
    .string()
    .optional()
    .describe('base64 of the key of a private network, sealed to its recipient'),
  bootstrap: z.array(z.string()).describe('Multiaddresses of members'),
}) satisfies z.ZodType<Omit<JoinTicket, 'fleet'>>

const change = {
  epoch,
  pending: z.int().describe('Moves planned and not begun'),
  leaving: names.describe('Who is on the way out'),
}
export const fleetChange = z.object(change) satisfies Describes<FleetChange>

export const ringPlan = z.object({
  plan: z.string().describe('Names this plan for apply'),
  epoch,
  moves: z.array(
    z.object({
      partition: z.int(),
      from: names,
      to: names,
      bytes: z.number().describe('To be copied, as far as this peer can tell'),
    }),
  ),
  bytes: z.number(),
  seconds: z.number().describe('At the bytes a second that are set'),
}) satisfies Describes<RingPlan>

export const ringProgress = z.object({
  ...change,
  settings: moveSettings,
  moving: z.array(
    z.object({
      partition: z.int().describe('The control group has the number 4096'),
      stage,
      seconds: z.number().describe('In this stage, as far as this peer saw'),
      waitsFor: z.array(
        z.object({
          peer: z.string(),
          state: z.enum(['entering', 'copying', 'copied', 'synced']).nullable(),
          reason: z.string(),
        }),
      ),
    }),
  ),
  copiedBytes: z.number().describe('By this peer since its start'),
}) satisfies Describes<RingProgress>

export const leaderStatus = z.object({
  leader: z.string().nullable().describe('Null: nobody, or this peer has not heard'),
  token: z.int().nullable(),
  isSelf: z.boolean(),
}) satisfies Describes<LeaderStatus>

export const dutyList = z.object({
  isLeader: z.boolean().describe('Only the leader knows its duties'),
  leader: z.string().nullable(),
  duties: z.array(
    z.object({
      name: z.string(),
      where: z.enum(['leader', 'staggered']),
      intervalMs: z.int(),
      phase: z.string(),
      paused: z.boolean(),
      runs: z.int(),
      lastRunAt: z.string().nullable(),
      lastOutcome: z.string().nullable(),
      failures: z.int(),
    }),
  ),
}) satisfies Describes<DutyList>

export const dutyWished = z.object({
  name: z.string(),
  outcome: z.enum(['done', 'started', 'running', 'paused']),
}) satisfies Describes<DutyWished>

export const steppedDown = z.object({
  steppedDown: z.boolean().describe('Whether this peer led'),
  leader: z.string().nullable().describe('Who led when this was asked, as far as this peer knows'),
})
