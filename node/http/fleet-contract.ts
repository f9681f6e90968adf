import { z } from 'zod'
import { weightMax, weightStep } from '../../dht/check-view.ts'
import { partitionCountMax } from '../../dht/keyspace.ts'
import type { JoinRequest } from '../fleet-control.ts'
import {
  dutyList,
  dutyWished,
  fleetChange,
  joinTicket,
  leaderStatus,
  ringPlan,
  ringProgress,
  steppedDown,
} from './fleet-answers.ts'
import type { Operation } from './operation.ts'

const json = 'application/json'
const none = z.strictObject({})
/** Far above the largest of these bodies. */
const bodyBytesMax = 16_384
const bytesPerSecondMax = 1_099_511_627_776
const replaceAfterMsMax = 31_536_000_000

const name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, '1 to 32 of a-z, 0-9 and -, a letter first')
const zone = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/, '1 to 63 letters, digits, dots, dashes and underscores')
  .describe('Failure zone: replicas of one partition sit in distinct ones while there are enough')
const weight = z.number().min(weightStep).max(weightMax).describe('Share of the data; 1 is the norm')
const version = z.int().min(1).max(65_535)

const joinRequest = z.strictObject({
  id: z.string().max(128).describe('Peer id of the new peer'),
  name: name.nullable().describe('Null: the next free one of p1, p2 and so on'),
  zone: zone.nullable().describe('Null: one of its own'),
  weight,
  recipient: z.string().max(256).describe('age recipient of its own key'),
  roles: z.boolean().describe('Whether it is to be entitled to the roles of the peer that answers'),
  fleet: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable()
    .describe('Fleet that its directory was made for; null for a new one'),
  versions: z
    .strictObject({ from: version, to: version })
    .describe('Versions of the protocol that it speaks'),
}) satisfies z.ZodType<Omit<JoinRequest, 'id' | 'fleet'> & { id: string; fleet: string | null }>

const body = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  type: json,
  description,
  schema,
  checkedBytesMax: bodyBytesMax,
})
const answered = <Schema extends z.ZodType>(schema: Schema) => ({ type: json, schema })
const joining = [
  'FLEET_WRONG',
  'VERSION_UNSUPPORTED',
  'MEMBER_KNOWN',
  'ROLE_DENIED',
  'QUORUM_UNREACHED',
] as const

/** The paths that change the fleet as a whole, and those that show how a change goes on. */
export const fleetOperations = {
  joinPeer: {
    method: 'POST',
    path: '/v1/peers',
    summary: 'Let a new peer into the fleet; it answers what the peer needs to run',
    query: none,
    body: body('What the new peer says of itself', joinRequest),
    answer: answered(joinTicket),
    errors: joining,
  },
  replacePeer: {
    method: 'POST',
    path: '/v1/peers/{name}/replace',
    summary: 'Let a new peer in, in the place of one that is lost',
    query: none,
    body: body('What the new peer says of itself', joinRequest),
    answer: answered(joinTicket),
    errors: [...joining, 'MEMBER_UNKNOWN', 'MEMBER_LEAVING', 'LAST_COPY'],
  },
  leavePeer: {
    method: 'POST',
    path: '/v1/peers/{name}/leave',
    summary: 'Take a peer out of the fleet; its partitions go to the others first',
    query: none,
    body: body(
      'How it goes',
      z.strictObject({
        how: z
          .enum(['drain', 'remove'])
          .describe('drain: it is there and gives away what it has; remove: it is gone'),
      }),
    ),
    answer: answered(fleetChange),
    errors: ['MEMBER_UNKNOWN', 'TOO_FEW_PEERS', 'LAST_COPY', 'QUORUM_UNREACHED'],
  },
  changePeer: {
    method: 'PATCH',
    path: '/v1/peers/{name}',
    summary: 'Give a peer another weight or zone',
    query: none,
    body: body(
      'What is to be different',
      z
        .strictObject({ weight: weight.optional(), zone: zone.optional() })
        .refine(
          change => change.weight !== undefined || change.zone !== undefined,
          'weight or zone is needed',
        ),
    ),
    answer: answered(fleetChange),
    errors: ['MEMBER_UNKNOWN', 'QUORUM_UNREACHED'],
  },
  ringPlan: {
    method: 'GET',
    path: '/v1/ring/plan',
    summary: 'What placement would move now',
    query: none,
    answer: answered(ringPlan),
    errors: [],
  },
  applyPlan: {
    method: 'POST',
    path: '/v1/ring/apply',
    summary: 'Begin the moves of a plan',
    query: none,
    body: body('Which plan', z.strictObject({ plan: z.string().min(1).max(64) })),
    answer: answered(fleetChange),
    errors: ['VIEW_CHANGED', 'QUORUM_UNREACHED'],
  },
  setMoves: {
    method: 'POST',
    path: '/v1/ring/moves',
    summary: 'Pause, resume or throttle moves; how long a dead member is waited for',
    query: none,
    body: body(
      'What is to be different',
      z
        .strictObject({
          paused: z.boolean().optional(),
          bytesPerSecond: z.int().min(1).max(bytesPerSecondMax).optional(),
          atOnceMax: z.int().min(1).max(partitionCountMax).optional(),
          replaceAfterMs: z.int().min(0).max(replaceAfterMsMax).optional(),
        })
        .refine(change => Object.keys(change).length > 0, 'a setting is needed'),
    ),
    answer: answered(fleetChange),
    errors: ['QUORUM_UNREACHED'],
  },
  ringProgress: {
    method: 'GET',
    path: '/v1/ring/progress',
    summary: 'Which partitions are on their way, whom each waits for, why and for how long',
    query: none,
    answer: answered(ringProgress),
    errors: [],
  },
  leader: {
    method: 'GET',
    path: '/v1/leader',
    summary: 'Who leads',
    query: none,
    answer: answered(leaderStatus),
    errors: [],
  },
  duties: {
    method: 'GET',
    path: '/v1/duties',
    summary: 'What the leader sees to, if this peer leads',
    query: none,
    answer: answered(dutyList),
    errors: [],
  },
  wishDuty: {
    method: 'POST',
    path: '/v1/duties/{name}',
    summary: 'Run a duty now, pause or resume it, if this peer leads',
    query: none,
    body: body('What is wished', z.strictObject({ wish: z.enum(['run', 'pause', 'resume']) })),
    answer: answered(dutyWished),
    errors: ['DUTY_UNKNOWN', 'DUTY_BUSY', 'NOT_LEADER', 'QUORUM_UNREACHED'],
  },
  stepDown: {
    method: 'POST',
    path: '/v1/leader/step-down',
    summary: 'Let go of the lead, if this peer has it',
    query: none,
    answer: answered(steppedDown),
    errors: [],
  },
} as const satisfies Record<string, Operation>
