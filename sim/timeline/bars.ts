import type { StoryEvent } from '../story-event.ts'

export type BarKind = 'down' | 'paused' | 'cutOff' | 'clogged' | 'diskSlow' | 'diskFull'

/** Something that lasts on one lane. */
export type Bar = {
  readonly kind: BarKind
  readonly lane: string
  readonly event: StoryEvent
  readonly fromMs: number
  /** Infinity: to the end of the story. */
  untilMs: number
}

/** What the events of a story, in order, do to the peers for longer than a moment. */
export function barsOf(events: readonly StoryEvent[]): Bar[] {
  const bars: Bar[] = []
  const end = (at: StoryEvent, isEnded: (bar: Bar) => boolean) => {
    for (const bar of bars) if (bar.untilMs > at.atMs && isEnded(bar)) bar.untilMs = at.atMs
  }
  for (const event of events) {
    if (event.kind === 'started') end(event, bar => bar.kind === 'down' && bar.lane === event.peer)
    if (event.kind === 'died') end(event, bar => bar.kind === 'paused' && bar.lane === event.peer)
    if (event.kind === 'faultsEnded') end(event, bar => bar.kind !== 'down')
    const opened = openedBy(event)
    if (opened === null) continue
    const untilMs = event.atMs + opened.forMs
    for (const lane of opened.lanes)
      bars.push({ kind: opened.kind, lane, event, fromMs: event.atMs, untilMs })
  }
  return bars
}

/** Those of the events whose bars reach beyond `atMs`. */
export function lasting(events: readonly StoryEvent[], atMs: number): StoryEvent[] {
  return [...new Set(barsOf(events).flatMap(bar => (bar.untilMs > atMs ? [bar.event] : [])))]
}

function openedBy(event: StoryEvent): { kind: BarKind; lanes: readonly string[]; forMs: number } | null {
  switch (event.kind) {
    case 'died':
      return { kind: 'down', lanes: [event.peer], forMs: Number.POSITIVE_INFINITY }
    case 'paused':
      return { kind: 'paused', lanes: [event.peer], forMs: event.forMs }
    case 'cut':
      return { kind: 'cutOff', lanes: event.from, forMs: event.forMs }
    case 'clogged':
      return { kind: 'clogged', lanes: [event.from], forMs: event.forMs }
    case 'diskSlowed':
      return { kind: 'diskSlow', lanes: [event.peer], forMs: event.forMs }
    case 'diskFilled':
      return { kind: 'diskFull', lanes: [event.peer], forMs: event.forMs }
    case 'sent':
    case 'called':
    case 'answered':
    case 'started':
    case 'clockJumped':
    case 'bitFlipped':
    case 'batchesLost':
    case 'faultsEnded':
    case 'broken':
    case 'noted':
      return null
  }
}
