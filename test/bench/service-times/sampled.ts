/** Median of what one thing took, in microseconds. */
export function medianUs(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Processor time of this thread so far, in microseconds: what others do on the machine does not count. */
export function threadUs(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

/** Straight line through points by least squares. */
export function line(points: readonly (readonly [x: number, y: number])[]): {
  readonly fixed: number
  readonly slope: number
} {
  const n = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = under === 0 ? 0 : over / under
  return { fixed: meanY - slope * meanX, slope }
}
