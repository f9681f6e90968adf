import { type StoryEvent, type Tale, wordsOf } from '../story-event.ts'
import { axisOf } from './axis.ts'
import { barsOf } from './bars.ts'
import { barMark, markOf, type Place } from './marks.ts'
import { element, textElement } from './markup.ts'

const timePx = 92
const lanePx = 62
const letterPx = 6.7
const wordsLettersMax = 150

export type Drawing = {
  readonly width: number
  /** The names of the lanes, to stay in sight above the rest. */
  readonly head: string
  readonly body: string
}

/** The tale as a space-time diagram: a lane for every caller and peer, time downwards, the words of each event beside it. */
export function drawingOf(tale: Tale): Drawing {
  const { events } = tale
  const lanes = lanesOf([...tale.standing, ...events])
  const axis = axisOf(events)
  const middles = new Map(lanes.map((lane, at) => [lane, timePx + lanePx * (at + 0.5)]))
  const wordsX = timePx + lanePx * lanes.length + 8
  const place: Place = {
    xOf: lane => middles.get(lane) ?? null,
    axis,
    leftX: timePx,
    rightX: wordsX - 8,
  }
  const letters = Math.max(20, ...events.map(event => shortened(wordsOf(event)).length))
  const width = Math.round(wordsX + letters * letterPx + 12)
  const body = [
    ...[...middles].map(([lane, x]) =>
      element('line', { class: laneClass(lane), x1: x, y1: 0, x2: x, y2: axis.height }),
    ),
    ...barsOf([...tale.standing, ...events]).map(bar => {
      const top = axis.yOf(bar.fromMs)
      return barMark(
        bar.kind,
        middles.get(bar.lane)!,
        top,
        axis.yOf(bar.untilMs),
        textElement('title', {}, wordsOf(bar.event)),
      )
    }),
    ...events.map((event, at) => {
      const { y, atMs, waitedMs } = axis.rows[at]!
      return element(
        'g',
        { class: `event ${event.kind}` },
        [
          textElement('title', {}, `${(atMs / 1000).toFixed(4)} s  ${wordsOf(event)}`),
          element('rect', { class: 'row', x: 0, y: y - 8, width, height: 16 }),
          timeText(at, y, atMs, waitedMs),
          markOf(event, y, place),
          textElement('text', { class: 'words', x: wordsX, y: y + 4 }, shortened(wordsOf(event))),
        ].join(''),
      )
    }),
  ]
  return { width, head: headOf(middles, tale.owners, width), body: svg(width, axis.height, body.join('\n')) }
}

/** The time where it differs from the row above, and how long nothing happened when that was long. */
function timeText(at: number, y: number, atMs: number, waitedMs: number): string {
  const isNew = at === 0 || waitedMs > 0
  const time = isNew
    ? textElement('text', { class: 'time', x: timePx - 30, y: y + 4 }, (atMs / 1000).toFixed(4))
    : ''
  if (waitedMs < 100) return time
  return (
    time + textElement('text', { class: 'wait', x: timePx - 30, y: y - 14 }, `+${Math.round(waitedMs)} ms`)
  )
}

function headOf(middles: ReadonlyMap<string, number>, owners: readonly string[], width: number): string {
  const names = [...middles].map(([lane, x]) =>
    textElement('text', { class: owners.includes(lane) ? 'name owner' : 'name', x, y: 18 }, lane),
  )
  const time = textElement('text', { class: 'time', x: timePx - 30, y: 18 }, 'seconds')
  return svg(width, 26, [time, ...names].join(''))
}

const svg = (width: number, height: number, content: string): string =>
  element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}` },
    content,
  )

/** Callers first, then peers, by number. */
function lanesOf(events: readonly StoryEvent[]): string[] {
  const lanes = new Set(events.flatMap(lanesIn))
  const order = (lane: string) => (lane.startsWith('c') ? 0 : 1e9) + Number(lane.slice(1))
  return [...lanes].sort((a, b) => order(a) - order(b))
}

function lanesIn(event: StoryEvent): string[] {
  const lanes: string[] = []
  for (const field of ['from', 'to', 'client', 'peer'] as const) {
    const named: unknown = (event as Partial<Record<typeof field, unknown>>)[field]
    for (const lane of Array.isArray(named) ? named : [named]) {
      if (typeof lane === 'string' && /^[a-z]+\d+$/.test(lane)) lanes.push(lane)
    }
  }
  return lanes
}

const laneClass = (lane: string): string => (lane.startsWith('c') ? 'lane client' : 'lane')

function shortened(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' ')
  return line.length <= wordsLettersMax ? line : `${line.slice(0, wordsLettersMax - 1)}…`
}
