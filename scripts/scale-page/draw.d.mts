import type { Chart } from './charts.ts'

/** Text of an SVG file. */
export function draw(chart: Chart): Promise<string>
