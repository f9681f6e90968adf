import type { Mutant } from '../../sim/mutants/mutants.ts'

const lease = 'election/lease.ts'
const state = 'election/lease-state.ts'
const fence = 'election/fence.ts'

const broken = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  rule: 11,
  how: 'seeds',
  edits: [{ file, find, replace }],
})

/** Rule 11 with one sentence of it broken. */
export const leaseMutants: readonly Mutant[] = [
  broken(
    'a holder that counts its lease from the answer',
    lease,
    'untilMs: firstSentMs + leaseMs,',
    'untilMs: nowMs + leaseMs,',
  ),
  broken(
    'a holder that counts its lease from the last retry',
    lease,
    'const swap = { ...last, attempt: last.attempt + 1, dueMs, doubtful: true }',
    'const swap = { ...last, attempt: last.attempt + 1, dueMs, doubtful: true, firstSentMs: nowMs }',
  ),
  {
    name: 'a lease by the wall clock',
    rule: 11,
    how: 'seeds',
    edits: [
      {
        file: lease,
        find: 'const nowMs = now.monotonicMs',
        replace: 'const nowMs = (now as unknown as { wallMs: number }).wallMs',
      },
      {
        file: lease,
        find: 'now.monotonicMs < role.untilMs',
        replace: '(now as unknown as { wallMs: number }).wallMs < role.untilMs',
      },
      {
        file: lease,
        find: "effects.push({ kind: 'wake', atMs: wakeMs(next) })",
        replace: "effects.push({ kind: 'wake', atMs: wakeMs(next) - nowMs + now.monotonicMs })",
      },
    ],
  },
  broken('a takeover after T', state, 'const takeOverAfter = 1.25', 'const takeOverAfter = 1'),
  broken('a takeover after 1.15 T', state, 'const takeOverAfter = 1.25', 'const takeOverAfter = 1.15'),
  {
    name: 'a takeover counted from when the read was sent',
    rule: 11,
    how: 'seeds',
    edits: [
      {
        file: lease,
        find: 'function read(lease',
        replace: 'const sentMs = new Map<string, number>()\n\nfunction read(lease',
      },
      {
        file: lease,
        find: "effects.push({ kind: 'read'",
        replace: "sentMs.set(lease.self + request, nowMs)\n  effects.push({ kind: 'read'",
      },
      {
        file: lease,
        find: '{ version, record, sinceMs: nowMs }',
        replace: '{ version, record, sinceMs: sentMs.get(lease.self + request)! }',
      },
    ],
  },
  broken('a new holder that keeps the token', lease, 'token: token + 1', 'token: Math.max(token, 1)'),
  broken(
    'a holder that finds itself and counts it as a renewal',
    lease,
    "    case 'conflict':\n      return lease.role.kind",
    "    case 'conflict':\n      if (lease.role.kind === 'holding') return succeed(lease, swap, lease.role.version, effects, nowMs)\n      return lease.role.kind",
  ),
  broken(
    'a restarted holder that finds itself and goes on',
    lease,
    '  return withRole(lease, { ...role, seen, answeredRead: request })',
    "  if (version !== null && record !== null && record !== 'unreadable' && record.holder === lease.self)\n    return withRole(lease, { kind: 'holding', version, record, untilMs: nowMs + lease.leaseMs, renewDueMs: nowMs, swap: null })\n  return withRole(lease, { ...role, seen, answeredRead: request })",
  ),
  broken(
    'an answer after the deadline that revives',
    lease,
    'const expired = expire(lease, nowMs, effects)',
    "const expired = input.kind === 'timePassed' ? expire(lease, nowMs, effects) : lease",
  ),
  {
    name: 'a takeover answered after the deadline that elects for another T',
    rule: 11,
    how: 'seeds',
    edits: [
      {
        file: lease,
        find: 'if (role.swap === null || nowMs < role.swap.firstSentMs + leaseMs) return lease',
        replace: 'if (nowMs >= 0) return lease',
      },
      {
        file: lease,
        find: 'untilMs: firstSentMs + leaseMs,',
        replace: "untilMs: role.kind === 'contending' ? nowMs + leaseMs : firstSentMs + leaseMs,",
      },
      { file: state, find: ': Math.min(swapMs, role.swap.firstSentMs + leaseMs)', replace: ': swapMs' },
    ],
  },
  broken(
    'a lease that never ends by itself',
    lease,
    "role.kind === 'holding' && now.monotonicMs < role.untilMs",
    "role.kind === 'holding'",
  ),
  broken(
    'an unknown outcome taken for a success',
    lease,
    "if (outcome.kind === 'success') return",
    "if (outcome.kind === 'success' || outcome.kind === 'unknown') return",
  ),
  broken(
    'a register set free before the duties stop',
    lease,
    "  effects.push({ kind: 'deposed', token: role.record.token, reason: 'steppedDown' })\n  const { version, record, swap } = role\n  if (swap === null) return release(lease, version, record, nowMs, effects)",
    '  const { version, record, swap } = role\n  if (swap === null) return { ...release(lease, version, record, nowMs, effects), role }',
  ),
  broken(
    'a fence that lets every token through',
    fence,
    'if (token < highest) return',
    'if (token < 1) return',
  ),
  broken(
    'a fence that saves nothing',
    fence,
    "fence: next, changes: [{ kind: 'fence', record }]",
    'fence: next, changes: []',
  ),
  broken('a fence that lost its records and goes on', fence, 'floor: lost ? null : floor', 'floor: 0'),
]
