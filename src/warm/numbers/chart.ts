import type { Series } from './last-hour.js'

const width = 240
const height = 60
const edge = 2

interface Chart {
  readonly viewBox: string
  /** An SVG path, empty without values. */
  readonly line: string
  readonly area: string
}

/** Unknown values are gaps. */
export function drawChart(series: Series): Chart {
  const top = Math.max(...series.map(value => value ?? 0)) || 1
  const step = (width - 2 * edge) / Math.max(1, series.length - 1)
  const x = (at: number) => round(edge + at * step)
  const y = (value: number) => round(height - edge - (value / top) * (height - 2 * edge))
  let line = ''
  let area = ''
  for (let at = 0; at < series.length; ) {
    const values: number[] = []
    for (let value = series[at + values.length]; typeof value === 'number'; value = series[at + values.length])
      values.push(value)
    if (values.length > 0) {
      const points = values.map((value, index) => `${x(at + index)} ${y(value)}`).join('L')
      // A line of length 0 is a dot, because its ends are round.
      line += values.length === 1 ? `M${points}h0` : `M${points}`
      area += `M${x(at)} ${height}L${points}L${x(at + values.length - 1)} ${height}Z`
    }
    at += values.length + 1
  }
  return { viewBox: `0 0 ${width} ${height}`, line, area }
}

const round = (number: number) => Math.round(number * 10) / 10
