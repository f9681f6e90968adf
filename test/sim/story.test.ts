// Goal: a story is data, and its text and its page tell all of it. Method: one event of every kind, hostile text, a
// story that is too long; the page is read with a small parser of markup, which must refuse what is not well-formed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ballot, ContextKey, FleetId, Hlc, PeerId } from '../../base/ids.ts'
import { initialView } from '../../dht/view.ts'
import { encodeFrame } from '../../node/driver/codec/wire.ts'
import { Story, storyEventsMax } from '../../sim/story.ts'
import { type Happening, linesOf, type StoryEvent, type Tale, wordsOf } from '../../sim/story-event.ts'
import { lasting } from '../../sim/timeline/bars.ts'
import { escaped } from '../../sim/timeline/markup.ts'
import { pageOf } from '../../sim/timeline/page.ts'

const arrived = { arrivedAtMs: [12.5], stoppedBy: null }
const ofEveryKind: { [Kind in Happening['kind']]: readonly [Extract<Happening, { kind: Kind }>, string] } = {
  sent: [
    { kind: 'sent', from: 'p1', to: 'p2', message: 'prepare', what: 'prepare b1', fate: arrived },
    'p1 -> p2  prepare b1',
  ],
  called: [{ kind: 'called', client: 'c1', peer: 'p1', what: 'reads at p1' }, 'c1 reads at p1'],
  answered: [
    { kind: 'answered', client: 'c1', peer: 'p1', isLost: false, what: 'reads at p1: absent' },
    'c1 reads at p1: absent',
  ],
  started: [{ kind: 'started', peer: 'p2', boot: 3 }, 'p2 starts, boot 3'],
  died: [{ kind: 'died', peer: 'p2', why: 'power cut' }, 'p2 is dead: power cut'],
  paused: [{ kind: 'paused', peer: 'p2', forMs: 99.6 }, 'p2 stands still for 100 ms'],
  cut: [
    { kind: 'cut', from: ['p1', 'p2'], to: ['p3'], bothWays: false, forMs: 10 },
    'cut p1 p2 | p3, one way, for 10 ms',
  ],
  clogged: [{ kind: 'clogged', from: 'p1', to: 'p3', forMs: 10.2 }, 'frames from p1 to p3 wait for 10 ms'],
  clockJumped: [{ kind: 'clockJumped', peer: 'p1', byMs: -5 }, 'the wall clock of p1 jumps by -5 ms'],
  diskSlowed: [{ kind: 'diskSlowed', peer: 'p1', factor: 7.2, forMs: 9 }, 'the disk of p1 is 7 times slower'],
  diskFilled: [{ kind: 'diskFilled', peer: 'p1', forMs: 9 }, 'the disk of p1 is full'],
  bitFlipped: [{ kind: 'bitFlipped', peer: 'p1' }, 'a bit flips on the disk of p1'],
  batchesLost: [
    { kind: 'batchesLost', peer: 'p1', batches: 2, inTheMiddle: true },
    'the disk of p1 loses 2 batches in the middle',
  ],
  faultsEnded: [{ kind: 'faultsEnded' }, 'all faults end'],
  broken: [{ kind: 'broken', invariant: 2, what: 'two <values> & more' }, 'BROKEN 2: two <values> & more'],
  noted: [{ kind: 'noted', what: 'p3 moves "away"' }, 'p3 moves "away"'],
}
const cases = Object.values(ofEveryKind)
const events = cases.map(([happening], at): StoryEvent => ({ ...happening, atMs: at * 7.5 }))
const tale: Tale = { owners: ['p1', 'p2'], leftOut: 4, standing: [], events }
const textOf = { title: 'Seed <7>', facts: [['broken', 'a\nb & "c"']] as const }

test('every kind of event has its words, and the text is those words and the time', () => {
  for (const [happening, words] of cases) assert.equal(wordsOf(happening), words)
  const lines = linesOf(tale)
  assert.equal(lines[0], '(4 earlier lines left out)')
  assert.deepEqual(
    lines.slice(1),
    cases.map(([, words], at) => `${((at * 7.5) / 1000).toFixed(4).padStart(10)}  ${words}`),
  )
})

test('the page is well-formed, stands alone and has every event', () => {
  const page = pageOf(textOf, tale)
  assert.deepEqual(faultsOfMarkup(page), [])
  assert.doesNotMatch(page, /<script|javascript:|@import|url\(|<link|<img|src=/)
  assert.deepEqual([...page.matchAll(/https?:\/\/[^"]*/g)].map(String), [
    'http://www.w3.org/2000/svg',
    'http://www.w3.org/2000/svg',
  ])
  for (const event of events) {
    const title = `<title>${(event.atMs / 1000).toFixed(4)} s  ${escaped(wordsOf(event))}</title>`
    assert.equal(page.split(title).length - 1, 1, title)
  }
  for (const lane of ['c1', 'p1', 'p2', 'p3'])
    assert.match(page, new RegExp(`class="name[^"]*"[^>]*>${lane}<`))
  assert.match(page, /4 earlier events are left out/)
})

test('a page of nothing but text and control characters is well-formed too', () => {
  const what = '</title><script>alert("x")</script> \u0000\u001b[31m \ud800 \'&amp;\''
  const page = pageOf({ title: what, facts: [[what, what]] }, { ...tale, events: [noted(what)] })
  assert.deepEqual(faultsOfMarkup(page), [])
  assert.doesNotMatch(page, /<script/)
  assert.deepEqual(faultsOfMarkup(pageOf(textOf, { ...tale, events: [] })), [])
})

test('what is not well-formed is noticed', () => {
  for (const bad of ['<a><b></a></b>', '<a>', '</a>', '<a>1 & 2</a>', '<a b="<"></a>', '<a b=c></a>'])
    assert.notDeepEqual(faultsOfMarkup(bad), [], bad)
})

const key = 'a'.repeat(64) as ContextKey
const other = 'b'.repeat(64) as ContextKey
const peers = ['P1', 'P2'] as PeerId[]
const view = initialView({
  fleet: '0'.repeat(64) as FleetId,
  members: peers.map((id, at) => ({ id, name: `p${at + 1}`, weight: 1, zone: 'z' })),
  replicas: 2,
  partitionCount: 1,
  hash: () => '7'.repeat(64) as ContextKey,
})
const names = new Map(peers.map((id, at) => [id, `p${at + 1}`]))
const frameOf = (of: ContextKey, ballot: string) =>
  encodeFrame({
    clock: '0'.repeat(24) as Hlc,
    messages: [
      { kind: 'prepare', id: 1, epoch: 1, key: of, ballot: ballot as Ballot, withData: false },
      { kind: 'query', id: 2, epoch: 1, key: other, withData: false },
    ],
  })

test('a story keeps one key, names ballots as it meets them, and knows what became of a frame', () => {
  let nowMs = 1
  const story = new Story(view, names, key, () => nowMs)
  const [first, second] = [frameOf(key, '2'.repeat(32)), frameOf(other, '1'.repeat(32))]
  story.frame(peers[0]!, peers[1]!, first)
  story.frame(peers[1]!, peers[0]!, second)
  nowMs = 3
  story.frameFate(first, 'arrived')
  story.frameFate(second, 'loss')
  story.tell(`p1 minds ${'2'.repeat(32)} and ${'3'.repeat(32)}`)
  story.tellOf(other, 'not told')
  const told = story.end()
  assert.deepEqual(linesOf(told), ['    0.0010  p1 -> p2  prepare b1', '    0.0030  p1 minds b1 and b2'])
  assert.deepEqual(told.owners.toSorted(), ['p1', 'p2'])
  assert.deepEqual(told.events[0]?.kind === 'sent' && told.events[0].fate, {
    arrivedAtMs: [3],
    stoppedBy: null,
  })
})

test('a long story keeps its end, and what lasts of its beginning', () => {
  let nowMs = 0
  const story = new Story(view, names, null, () => nowMs)
  story.tell({ kind: 'died', peer: 'p1', why: 'killed' })
  story.tell({ kind: 'died', peer: 'p2', why: 'killed' })
  story.tell({ kind: 'paused', peer: 'p1', forMs: 10 })
  for (let line = 0; line < storyEventsMax * 5; line++) {
    nowMs += 1
    if (line === 5) story.tell({ kind: 'started', peer: 'p2', boot: 2 })
    story.tell(`line ${line}`)
  }
  const told = story.end()
  assert.equal(told.events.length, storyEventsMax)
  assert.equal(told.leftOut, storyEventsMax * 4 + 4)
  assert.deepEqual(told.standing.map(wordsOf), ['p1 is dead: killed'])
})

test('what lasts ends with its time, with the process, and with the faults', () => {
  const at = (atMs: number, happening: Happening): StoryEvent => ({ ...happening, atMs })
  const down = at(1, { kind: 'died', peer: 'p1', why: 'killed' })
  const slow = at(2, { kind: 'diskSlowed', peer: 'p1', factor: 9, forMs: 100 })
  const [short, long] = [10, 100].map(forMs => at(3, { kind: 'paused', peer: 'p2', forMs }))
  assert.deepEqual(lasting([down, slow, short!], 50), [down, slow])
  assert.deepEqual(lasting([down, slow, long!, at(4, { kind: 'faultsEnded' })], 5), [down])
  assert.deepEqual(lasting([long!, at(4, { kind: 'died', peer: 'p2', why: 'killed' })], 5).length, 1)
  assert.deepEqual(lasting([down, at(4, { kind: 'started', peer: 'p1', boot: 2 })], 5), [])
})

const noted = (what: string): StoryEvent => ({ kind: 'noted', what, atMs: 1 })

/** What is wrong with a document: tags that do not match, attributes without quotes, bare ampersands. */
function faultsOfMarkup(text: string): string[] {
  const faults: string[] = []
  const open: string[] = []
  const parts = text.replace(/^<!DOCTYPE html>/, '').split(/(<[^>]*>)/)
  for (const part of parts) {
    if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(part)) faults.push(`a bare ampersand in ${part}`)
    if (!part.startsWith('<')) continue
    const tag = /^<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9:]*="[^"<]*")*)\s*(\/?)>$/.exec(part)
    if (tag === null) faults.push(`no tag: ${part}`)
    else if (tag[1] === '/' && open.pop() !== tag[2]) faults.push(`${part} closes what is not open`)
    else if (tag[1] === '' && tag[4] === '') open.push(tag[2]!)
  }
  return [...faults, ...open.map(name => `${name} is never closed`)]
}
