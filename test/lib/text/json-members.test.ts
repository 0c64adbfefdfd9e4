import { expect, test } from '@jest/globals'
import { memberNames } from '../../../src/lib/text/json-members.js'

test.each([
  ['{}', []],
  ['{"a":1,"b":{"c":[{"d":2}]},"e":"f"}', ['a', 'b', 'e']],
  ['{"a":1,"a":2}', ['a', 'a']],
  [' { "a" : 1 , "\\u0061" : 2 } ', ['a', 'a']],
  ['{"a\\"b":"c\\\\","d":":{"}', ['a"b', 'd']],
  ['{"":""}', ['']],
])('the members of %s are %j', (json, names) => {
  JSON.parse(json)
  expect(memberNames(json)).toEqual(names)
})
