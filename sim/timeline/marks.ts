import type { StoryEvent } from '../story-event.ts'
import type { Axis } from './axis.ts'
import type { BarKind } from './bars.ts'
import { element } from './markup.ts'

/** How messages are told apart by colour. */
const messageClasses: Readonly<Record<string, string | undefined>> = {
  prepare: 'promise',
  promise: 'promise',
  accept: 'accept',
  accepted: 'accept',
  query: 'read',
  report: 'read',
  refused: 'refused',
  replay: 'repair',
  backfill: 'repair',
  chainAsked: 'repair',
  chain: 'repair',
  scanAsked: 'repair',
  scanPage: 'repair',
  request: 'caller',
  reply: 'caller',
}

/** A message that has no class yet. */
const otherMessage = 'other'

/** What the drawing has to know of the page. */
export type Place = {
  /** Middle of a lane; null when the story has no such lane. */
  readonly xOf: (lane: string) => number | null
  readonly axis: Axis
  readonly leftX: number
  readonly rightX: number
}

const arrowPx = 5
/** How far the line of a frame that never arrived goes: to no other lane. */
const lostPx = 28

/** The shapes of one event at its row; empty when it is no more than a bar or a text. */
export function markOf(event: StoryEvent, y: number, place: Place): string {
  switch (event.kind) {
    case 'sent':
      return sentMark(event, y, place)
    case 'called':
      return event.peer === null
        ? spot(event.client, y, place, 'call')
        : arrow(place.xOf(event.client), y, place.xOf(event.peer), y, 'call')
    case 'answered':
      return event.isLost
        ? cross(place.xOf(event.client), y, 'call')
        : arrow(place.xOf(event.peer), y, place.xOf(event.client), y, 'call')
    case 'started':
      return spot(event.peer, y, place, 'started')
    case 'died':
      return cross(place.xOf(event.peer), y, 'died')
    case 'clockJumped':
      return spot(event.peer, y, place, 'clock')
    case 'bitFlipped':
    case 'batchesLost':
      return spot(event.peer, y, place, 'diskHurt')
    case 'clogged':
      return [event.from, event.to].map(lane => spot(lane, y, place, 'clogged')).join('')
    case 'cut':
      return [...event.from, ...event.to].map(lane => spot(lane, y, place, 'cutOff')).join('')
    case 'paused':
    case 'diskSlowed':
    case 'diskFilled':
      return ''
    case 'faultsEnded':
      return across(y, place, 'faultsEnded')
    case 'broken':
      return across(y, place, 'broken')
    case 'noted':
      return lanesNamed(event.what)
        .map(lane => spot(lane, y, place, 'noted'))
        .join('')
  }
}

/** Peers and callers that a plain text names. */
const lanesNamed = (what: string): string[] => [...new Set(what.match(/\b[pc]\d+\b/g) ?? [])]

function sentMark(event: Extract<StoryEvent, { kind: 'sent' }>, y: number, place: Place): string {
  const kind = messageClasses[event.message] ?? otherMessage
  const [from, to] = [place.xOf(event.from), place.xOf(event.to)]
  const { arrivedAtMs, stoppedBy } = event.fate
  const arrows = arrivedAtMs.map((atMs, copy) =>
    arrow(from, y, to, place.axis.yOf(atMs), copy === 0 ? kind : `${kind} again`),
  )
  if (from === null || to === null || arrows.length > 0) return arrows.join('')
  // It never arrived: a broken line part of the way, with a cross where it was stopped.
  const half = from + Math.sign(to - from) * lostPx
  const line = element('line', { class: `${kind} lost`, x1: from, y1: y, x2: half, y2: y + 5 })
  return line + (stoppedBy === null ? '' : cross(half, y + 5, kind))
}

function arrow(fromX: number | null, fromY: number, toX: number | null, toY: number, kind: string): string {
  if (fromX === null || toX === null || fromX === toX) return ''
  const length = Math.hypot(toX - fromX, toY - fromY)
  const [alongX, alongY] = [((toX - fromX) / length) * arrowPx, ((toY - fromY) / length) * arrowPx]
  const back = (side: number) =>
    `${round(toX - alongX * 1.6 - side * alongY * 0.6)},${round(toY - alongY * 1.6 + side * alongX * 0.6)}`
  return (
    element('line', { class: kind, x1: fromX, y1: round(fromY), x2: toX, y2: round(toY) }) +
    element('polygon', { class: kind, points: `${toX},${round(toY)} ${back(1)} ${back(-1)}` })
  )
}

function spot(lane: string, y: number, place: Place, kind: string): string {
  const x = place.xOf(lane)
  return x === null ? '' : element('rect', { class: `spot ${kind}`, x: x - 4, y: y - 4, width: 8, height: 8 })
}

function cross(x: number | null, y: number, kind: string): string {
  if (x === null) return ''
  return element('path', { class: `cross ${kind}`, d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` })
}

const across = (y: number, place: Place, kind: string): string =>
  element('line', { class: `across ${kind}`, x1: place.leftX, y1: y, x2: place.rightX, y2: y })

/** Width of a bar, and how far it is from the middle of its lane. */
const barShapes: Readonly<Record<BarKind, readonly [widthPx: number, offsetPx: number]>> = {
  down: [12, 0],
  paused: [12, 0],
  diskSlow: [4, -10],
  diskFull: [4, -10],
  cutOff: [4, 10],
  clogged: [4, 10],
}

/** What lasts, as a bar along its lane. `untilY` may be far below the page's end. */
export function barMark(kind: BarKind, x: number, fromY: number, untilY: number, title: string): string {
  const [width, offset] = barShapes[kind]
  const height = round(Math.max(3, untilY - fromY))
  const shape = { class: `bar ${kind}`, x: x + offset - width / 2, y: round(fromY), width, height }
  return element('rect', shape, title)
}

const round = (value: number): number => Math.round(value * 10) / 10
