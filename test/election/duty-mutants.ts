import type { Edit, Mutant } from '../../sim/mutants/mutants.ts'

const answers = 'election/duty-answers.ts'
const pursuit = 'election/duty-pursuit.ts'
const state = 'election/duty-state.ts'

const broken = (name: string, ...edits: readonly Edit[]): Mutant => ({ name, rule: 11, how: 'seeds', edits })
const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

/** Duties with one sentence of theirs broken. */
export const dutyMutants: readonly Mutant[] = [
  broken(
    'a result of a deposed leader that is recorded',
    edit(answers, 'input.token !== desk.token || ', ''),
  ),
  broken('a result of another run that is recorded', edit(answers, ' || input.run !== run.number', '')),
  broken(
    'a save without a look at the token',
    edit(answers, 'record.token > desk.token', 'record.token < 0'),
    edit(pursuit, "  assert(before.token <= desk.token, 'no leader writes over a higher token')\n", ''),
  ),
  broken(
    'a pause that the next leader forgets',
    edit(pursuit, 'paused: pausing ?? before.paused', 'paused: pausing ?? false'),
  ),
  broken('a run of a paused duty', edit(pursuit, '!known.record.paused && run === null', 'run === null')),
  broken(
    'two runs at once',
    edit(pursuit, '  mayRun(slot) && slot.known', '  mayRun({ ...slot, run: null }) && slot.known'),
  ),
  broken(
    'a run that is given up while it goes on here',
    edit(pursuit, 'if (run.peer !== null) {', 'if (run.dueMs > 0) {'),
  ),
  broken(
    'a run before the token is recorded',
    edit(pursuit, 'slot.known.record.token === desk.token', 'slot.known.record.token > 0'),
  ),
  broken(
    'a run before the end of the last is recorded',
    edit(
      answers,
      '  return endRun(slot, run, isSound',
      '  return endRun({ ...slot, endedMs: -1e12 }, run, isSound',
    ),
    edit(pursuit, 'run === null && ended === null && pausing === null', 'run === null && pausing === null'),
    edit(
      pursuit,
      'if (slot.known === null) return nowMs',
      'if (slot.known?.record.token === desk.token && isDue(slot, desk)) {\n    const ahead = nextTurn(slot.spec, slot.known.record, desk.peers)\n    if (ahead !== null) return start({ ...slot, ended: null }, ahead, slot.known.record, desk)\n  }\n  if (slot.known === null) return nowMs',
    ),
  ),
  broken(
    'a state that the next run does not get',
    edit(
      pursuit,
      'token: desk.token, run, state, timeoutMs }',
      'token: desk.token, run, state: new Uint8Array(0), timeoutMs }',
    ),
  ),
  broken(
    'a state that is forgotten when another leader comes',
    edit(
      answers,
      'known: { version, record } }',
      'known: { version, record: record.token < desk.token ? { ...record, state: new Uint8Array(0) } : record } }',
    ),
  ),
  broken(
    'an unknown outcome taken for a success',
    edit(
      answers,
      '  const { call: asked } = slot\n',
      "  const { call: asked } = slot\n  if (outcome.kind === 'unknown') return takeSaved(slot, call, { kind: 'success', version: slot.known!.version! }, desk)\n",
    ),
  ),
  broken(
    'a save without an answer taken for one that was not carried out',
    edit(pursuit, 'return { ...miss(slot, desk), known: null }', 'return miss(slot, desk)'),
    edit(answers, 'return { ...miss(slot, desk), known: null }', 'return miss(slot, desk)'),
    edit(
      answers,
      'return { ...slot, call: null, known: null, callDueMs: desk.now.monotonicMs }',
      'return { ...slot, call: null, callDueMs: desk.now.monotonicMs + 100 }',
    ),
  ),
  broken(
    'a result that is recorded twice when its save was in doubt',
    edit(answers, 'known.record.token !== desk.token || known.record.runs < ended.run', 'slot.call !== null'),
    edit(
      answers,
      'if (slot.endedMs !== null) return settleEnded(read, desk)',
      'if (slot.endedMs !== null) return read',
    ),
    edit(state, 'runs: ended.run,', 'runs: record.runs + 1,'),
  ),
  broken(
    'a wish that is told to be done before it is recorded',
    edit(
      answers,
      '  const { run } = wanted\n',
      "  answer(wanted.asks, 'done', desk)\n  wanted.asks = []\n  const { run } = wanted\n",
    ),
  ),
  broken(
    'a run that nobody stops when its leader is deposed',
    edit(
      answers,
      '  if (slot.run !== null) stopRun(slot.spec, slot.run, desk)\n  answer(slot.asks',
      '  answer(slot.asks',
    ),
  ),
  broken(
    'a lost run at a peer that is waited for for ever',
    edit(
      pursuit,
      "    return endRun(slot, run, 'timedOut', null, desk)",
      '    return { ...slot, run: { ...run, dueMs: nowMs + 60_000_000 } }',
    ),
  ),
  broken(
    'a stuck run that keeps its leader',
    edit(pursuit, "    desk.effects.push({ kind: 'stepDown', name: spec.name, token: desk.token })\n", ''),
  ),
  broken(
    'a round that starts anew at every turn',
    edit(state, 'cursor: isRoundOver ? null : peer', 'cursor: null'),
  ),
  broken(
    'a round that goes to two peers at a time',
    edit(
      pursuit,
      "kind: 'runAt', peer, ...order })",
      "kind: 'runAt', peer, ...order })\n  const also = desk.peers.find(each => peer !== null && each > peer)\n  if (also !== undefined) desk.effects.push({ kind: 'runAt', peer: also, ...order })",
    ),
  ),
  broken(
    'a round whose turn another peer takes over half done',
    edit(
      state,
      'if (cursor !== null && isMidTurn && peers.includes(cursor))',
      'if (cursor === peers[peers.length - 1] && cursor !== undefined && cursor !== null && isMidTurn)',
    ),
    edit(state, 'peer, state: noBytes, isNewRound', 'peer, state, isNewRound'),
  ),
  broken(
    'no backoff',
    edit(state, 'if (record.failures > 0) return backoff(', 'if (record.failures > 0) return 0 * backoff('),
  ),
  broken('a backoff that does not grow', edit(state, 'leastMs * 2 ** Math.min(30, failures - 1)', 'leastMs')),
  broken(
    'failures that a change of the leader forgives',
    edit(state, 'failures: failuresAfter(record.failures, outcome)', 'failures: failuresAfter(0, outcome)'),
  ),
  broken(
    'a wall clock of a former leader that is believed',
    edit(state, 'agoMs < -spec.intervalMs ? spec.intervalMs : Math.max(0, agoMs)', 'agoMs'),
  ),
  broken(
    'wishes that a deposed leader leaves without an answer',
    edit(
      answers,
      "  if (slot.run !== null) stopRun(slot.spec, slot.run, desk)\n  answer(slot.asks, 'unsettled', desk)\n}",
      '  if (slot.run !== null) stopRun(slot.spec, slot.run, desk)\n}',
    ),
  ),
]
