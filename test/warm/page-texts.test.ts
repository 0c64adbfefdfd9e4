import { expect, test } from '@jest/globals'
import { duration, span } from '../../src/warm/page-texts.js'

test.each([
  [59, '59 s', '59 s'],
  [60, '1 min', '1 min'],
  [92, '1 min', '1 min 32 s'],
  [3_599, '59 min', '59 min 59 s'],
  [3_600, '1 h', '1 h'],
  [86_399, '23 h', '23 h'],
  [86_400, '1 d', '1 d'],
])('%d seconds are shown as %s, or exactly as %s', (seconds, rounded, exact) => {
  expect([span(seconds), duration(seconds)]).toEqual([rounded, exact])
})
