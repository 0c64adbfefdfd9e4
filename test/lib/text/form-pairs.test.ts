import { expect, test } from '@jest/globals'
import { formPairs } from '../../../src/lib/text/form-pairs.js'

test.each([
  ['', []],
  [
    'a=1&b=2&a=3',
    [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ],
  ],
  [
    'a&b=&=c&&',
    [
      ['a', ''],
      ['b', ''],
      ['', 'c'],
    ],
  ],
  ['a=b=c', [['a', 'b=c']]],
  ['a+b=c%20d+%2B', [['a b', 'c d +']]],
  ['a=%C3%A9', [['a', 'é']]],
  [
    'a=%C3&b=%zz&c=%',
    [
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
    ],
  ],
  ['%ff=a', [[undefined, 'a']]],
])('the pairs of %j are %j', (text, pairs) => {
  expect([...formPairs(text)]).toEqual(pairs)
})
