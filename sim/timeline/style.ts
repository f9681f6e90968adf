/** Colours and letters of the page; light or dark as the reader's screen is. */
export const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --faint: #8b939c; --row: #f1f4f7; --lane: #c9ced4 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --ink: #e4e7ea; --faint: #8b939c; --row: #22272d; --lane: #434a52 }
}
body { margin: 1.5rem; background: var(--paper); color: var(--ink); font: 14px/1.4 system-ui, sans-serif }
h1 { font-size: 1.3rem }
p { max-width: 60rem }
th { text-align: left; vertical-align: top; padding-right: 1.5rem; font-weight: 600 }
pre { margin: 0; font: 12px/1.5 ui-monospace, monospace; white-space: pre-wrap }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; font-size: 12px }
.legend svg { vertical-align: middle; margin-right: .4rem }
.head { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--lane) }
svg { display: block; font: 11px ui-monospace, monospace; fill: var(--ink) }
.legend svg { display: inline-block }
.name { text-anchor: middle; font-weight: 600 }
.owner { text-decoration: underline }
.time, .wait { text-anchor: end; fill: var(--faint) }
.wait { font-style: italic }
.lane { stroke: var(--lane); stroke-width: 2 }
.lane.client { stroke-dasharray: 2 4 }
.row { fill: transparent }
.event:hover .row { fill: var(--row) }
.event:hover line { stroke-width: 3 }
line { stroke-width: 1.4 }
line.call, .spot.call, .cross.call { stroke: #6b7280 } polygon.call, .spot.call { fill: #6b7280 }
line.caller, .cross.caller { stroke: #0e9aa7 } polygon.caller { fill: #0e9aa7 }
line.promise, .cross.promise { stroke: #2f6fde } polygon.promise { fill: #2f6fde }
line.accept, .cross.accept { stroke: #1f9d4d } polygon.accept { fill: #1f9d4d }
line.read, .cross.read { stroke: #8b5cf6 } polygon.read { fill: #8b5cf6 }
line.repair, .cross.repair { stroke: #d97706 } polygon.repair { fill: #d97706 }
line.refused, .cross.refused { stroke: #dc2626 } polygon.refused { fill: #dc2626 }
line.other, .cross.other { stroke: var(--faint) } polygon.other { fill: var(--faint) }
line.lost { stroke-dasharray: 4 3 }
line.again { stroke-dasharray: 1 3 }
.cross { fill: none; stroke-width: 2 }
.cross.died { stroke: #dc2626; stroke-width: 3 }
.bar.down { fill: #3b4048 } .bar.paused { fill: #60a5fa }
.bar.diskSlow { fill: #d97706 } .bar.diskFull { fill: #dc2626 }
.bar.cutOff { fill: #8b5cf6 } .bar.clogged { fill: #0e9aa7 }
.bar { opacity: .75 }
.spot.started { fill: #1f9d4d } .spot.diskHurt { fill: #dc2626 } .spot.clock { fill: #d97706 }
.spot.cutOff { fill: #8b5cf6 } .spot.clogged { fill: #0e9aa7 } .spot.noted { fill: var(--faint) }
line.across { stroke-dasharray: 6 4; stroke: var(--faint) }
line.broken { stroke: #dc2626; stroke-width: 3; stroke-dasharray: none }
.event.broken .words { fill: #dc2626; font-weight: 700 }
`
