// Draws one chart as SVG. Plain JavaScript, as everything about types is in charts.ts.
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

// On a card of its own, so that it reads the same on light and on dark pages.
const card = '#fcfcfb'
const ink = '#24292f'
const faint = '#d8dee4'
const colours = ['#0b5cad', '#c2410c', '#4d7c0f']
const dashes = [
  [1, 0],
  [6, 6],
  [2, 4],
]

export async function draw(chart) {
  const names = chart.series.map(each => each.name)
  const sizes = [...new Set(chart.series.flatMap(each => each.points.map(point => point.x)))].sort(
    (a, b) => a - b,
  )
  const values = chart.series.flatMap(each => each.points.map(point => ({ ...point, series: each.name })))
  const x = {
    field: 'x',
    type: 'quantitative',
    title: chart.xTitle,
    scale: { type: 'log', nice: false, domain: [sizes[0] * 0.9, sizes.at(-1) * 1.1] },
    axis: { values: sizes, format: ',d', grid: false },
  }
  const y = {
    field: 'y',
    type: 'quantitative',
    title: chart.yTitle,
    scale: { zero: true, ...(chart.yDomain ? { domain: chart.yDomain } : {}) },
  }
  const color = {
    field: 'series',
    type: 'nominal',
    title: null,
    scale: { domain: names, range: colours.slice(0, names.length) },
    legend: names.length > 1 ? { orient: 'top', offset: 10 } : null,
  }
  const shape = {
    field: 'series',
    type: 'nominal',
    scale: { domain: names },
    legend: color.legend,
    title: null,
  }
  // Where two lines lie upon each other, both are seen.
  const strokeDash = {
    ...shape,
    scale: { domain: names, range: dashes.slice(0, names.length) },
  }
  const aim =
    chart.aim === undefined
      ? []
      : [
          {
            data: { values: [{ y: chart.aim }] },
            mark: { type: 'rule', strokeDash: [6, 4], color: '#6e7781' },
            encoding: { y },
          },
        ]
  const { spec } = compile({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 560,
    height: 300,
    padding: 16,
    background: card,
    title: { text: chart.title, subtitle: chart.subtitle, anchor: 'start', offset: 16 },
    data: { values },
    layer: [
      ...aim,
      {
        mark: { type: 'line', strokeWidth: 2 },
        encoding: { x, y, color, strokeDash },
      },
      {
        mark: { type: 'point', filled: false, strokeWidth: 2, size: 70, opacity: 1 },
        encoding: { x, y, color, shape },
      },
    ],
    config: {
      font: 'sans-serif',
      view: { stroke: null },
      title: { color: ink, subtitleColor: ink, fontSize: 16, subtitleFontSize: 12, subtitlePadding: 4 },
      axis: {
        labelColor: ink,
        titleColor: ink,
        domainColor: ink,
        tickColor: ink,
        gridColor: faint,
        labelFontSize: 11,
        titleFontSize: 12,
        titlePadding: 8,
      },
      legend: { labelColor: ink, labelFontSize: 12, labelLimit: 400 },
    },
  })
  const view = new View(parse(spec), { renderer: 'none' })
  const text = await view.toSVG()
  view.finalize()
  return `${text}\n`
}
