import { expect, test } from '@jest/globals'
import { drawChart } from '../../../src/warm/numbers/numbers-page.js'

test('values are drawn from left to right, the highest at the top', () => {
  expect(drawChart([0, 10, 5])).toEqual({
    viewBox: '0 0 240 60',
    line: 'M2 58L120 2L238 30',
    area: 'M2 60L2 58L120 2L238 30L238 60Z',
  })
})

// Unknown values are gaps, and a single value is a dot.
test.each([
  [[null, 4, null, null, 2, 4], 'M49.2 2h0M190.8 30L238 2'],
  [[], ''],
  [[null, null], ''],
  [[0, 0], 'M2 58L238 58'],
])('%j is drawn as %j', (series, line) => {
  expect(drawChart(series).line).toBe(line)
})
