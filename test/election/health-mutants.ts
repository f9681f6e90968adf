import type { Edit, Mutant } from '../../sim/mutants/mutants.ts'
import type { scenarios } from './health-scenarios.ts'

const state = 'election/health-state.ts'
const review = 'election/health-review.ts'
const health = 'election/health.ts'
const suspicion = 'election/suspicion.ts'

/** Rule 11 has no word of it: suspicion is advice. */
const broken = (name: string, ...edits: readonly Edit[]): Mutant => ({ name, rule: 11, how: 'seeds', edits })
const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

/** Suspicion with one sentence of it broken, and the story that tells so. */
export const healthMutants: readonly (readonly [keyof typeof scenarios, Mutant])[] = [
  [
    'oneWayCut',
    broken(
      'one reporter that is enough for down',
      edit(
        state,
        'isQuorum && isMost(sincesMs.length, reporters)\n\nconst',
        'isQuorum && sincesMs.length > 0 && reporters > 0\n\nconst',
      ),
    ),
  ],
  [
    'cutOff',
    broken(
      'a process that is cut off and judges the rest',
      edit(review, 'isQuorum: reporters * 2 > members.size + 1', 'isQuorum: members.size > 0'),
    ),
  ],
  [
    'storm',
    broken(
      'a quorum of reports that is none, in a storm',
      edit(review, 'isQuorum: reporters * 2 > members.size + 1', 'isQuorum: members.size > 0'),
    ),
  ],
  [
    'ownPause',
    broken(
      'an own pause that is held against the others',
      edit(
        health,
        'if (sleptMs <= options.ownPauseMs) return health',
        'if (sleptMs < Number.MAX_VALUE) return health',
      ),
    ),
  ],
  [
    'pausedWitness',
    broken(
      'time slept through that counts as a death',
      edit(health, 'later(member, sleptMs)', 'later(member, 0)'),
    ),
  ],
  [
    'oldMail',
    broken('mail of an own pause that is taken for news', edit(health, ' || nowMs < health.deafUntilMs', '')),
  ],
  ['hastyReturn', broken('no hysteresis', edit(state, 'beats >= options.steadyBeats &&', 'beats >= 2 &&'))],
  [
    'flapping',
    broken('a hold-down that does not grow', edit(state, 'holdMs * 2 ** Math.min(30, flaps - 2)', 'holdMs')),
  ],
  ['flapping', broken('no hold-down', edit(state, 'flaps < 2 ? 0 :', 'flaps < 200 ? 0 :'))],
  [
    'flapping',
    broken(
      'a hold-down without an end',
      edit(state, 'Math.min(holdMaxMs, holdMs', 'Math.max(holdMaxMs, holdMaxMs * holdMs'),
    ),
  ],
  [
    'shortReturn',
    broken(
      'a death forgotten at the first sign of life',
      edit(review, 'nowMs - upSinceMs >= options.steadyUpMs', 'nowMs >= upSinceMs'),
    ),
  ],
  [
    'shortReturn',
    broken(
      'a death that is never forgotten',
      edit(
        review,
        'deadSinceMs: isSteady || deadSinceMs',
        'deadSinceMs: !isSteady && deadSinceMs < 0 || deadSinceMs',
      ),
    ),
  ],
  [
    'liarAboutDeath',
    broken(
      'a death since whenever anybody says',
      edit(state, 'Math.floor(tally.reporters / 2)', '0 * tally.reporters'),
    ),
  ],
  [
    'secondOutage',
    broken(
      'an outage taken for a habit',
      edit(
        suspicion,
        'Math.min(gapMaxMs, Math.max(0, nowMs - known.heardMs))',
        'Math.max(gapMaxMs - gapMaxMs, nowMs - known.heardMs)',
      ),
    ),
  ],
  [
    'hiccups',
    broken(
      'no least deviation',
      edit(
        suspicion,
        'Math.max(options.deviationMinMs, Math.sqrt(variance))',
        'Math.max(1, Math.sqrt(variance))',
      ),
    ),
  ],
  [
    'hiccups',
    broken(
      'no acceptable pause',
      edit(
        suspicion,
        'known.meanMs + options.pauseMs + deviations',
        'known.meanMs + 0 * options.pauseMs + deviations',
      ),
    ),
  ],
  [
    'hiccups',
    broken(
      'a talkative peer that has to go on talking',
      edit(suspicion, 'Math.max(options.heartbeatMs, meanMs)', 'meanMs'),
    ),
  ],
  [
    'lostWitnesses',
    broken(
      'reports that never age',
      edit(health, 'nowMs - madeMs <= options.reportMaxAgeMs', 'nowMs >= madeMs'),
    ),
  ],
  [
    'lostWitnesses',
    broken(
      'a verdict that falls with its witnesses',
      edit(state, "if (state === 'down' && opinion.kind", "if (state === 'flapping' && opinion.kind"),
    ),
  ],
  [
    'staleReports',
    broken(
      'old reports that count as new ones',
      edit(health, ' && ageMs <= health.options.reportMaxAgeMs', ''),
      edit(health, 'madeMs: nowMs - ageMs', 'madeMs: nowMs'),
    ),
  ],
  [
    'replayed',
    broken(
      'a report that counts every time it comes',
      edit(health, 'sequence > (last?.sequence ?? -1) && ', ''),
    ),
  ],
  [
    'liar',
    broken('strangers that have a say', edit(health, '!health.members.has(from) || !isNews', '!isNews')),
  ],
  [
    'death',
    broken(
      'a verdict before the others could say theirs',
      edit(state, 'nowMs - opinion.sinceMs >= options.settleMs', 'nowMs >= opinion.sinceMs'),
    ),
  ],
  [
    'death',
    broken(
      'a change that is told late',
      edit(
        review,
        'peers.every(isTold) ? health.shareDueMs :',
        'peers.length >= 0 || peers.every(isTold) ? health.shareDueMs + 2_000 * Number(health.sharedMs < 0) :',
      ),
      edit(state, 'reportEveryMs: 1_000', 'reportEveryMs: 3_000'),
    ),
  ],
  [
    'calm',
    broken(
      'a peer that is suspected before it could be heard',
      edit(suspicion, 'heardMs: nowMs + startMs', 'heardMs: nowMs - startMs'),
    ),
  ],
]
