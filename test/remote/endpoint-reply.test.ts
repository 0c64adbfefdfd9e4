import { expect, test } from '@jest/globals'
import { readTerms, replyReader } from '../../src/remote/endpoint-reply.js'
import { documentReader } from '../../src/xmpp/xml/document.js'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'
import { collectGarbage } from '../support/collected.js'

const read = (attributes: string) => readTerms(documentReader(defaultLimits)(`<body${attributes}/>`).root)

const usual = { sid: 's1', wait: 60, hold: 1, requests: 2, inactivity: 60, polling: 5, ver: '1.6' }

test('values of a creation reply are used', () => {
  const said =
    " sid='s1' wait='30' hold='2' requests='3' inactivity='45' polling='10' maxpause='120' ver='1.11' extra='x'"
  expect(read(said)).toEqual({
    sid: 's1',
    wait: 30,
    hold: 2,
    requests: 3,
    inactivity: 45,
    polling: 10,
    maxpause: 120,
    ver: '1.11',
  })
})

test.each(['policy-violation', 'constructor', '__proto__', 'toString'])(
  'a session that ends with %s, for which there is no better word, has lost its connection',
  condition => {
    const text = `<body type='terminate' condition='${condition}' xmlns='http://jabber.org/protocol/httpbind'/>`
    expect(replyReader(defaultLimits)(text).end?.failure).toEqual({
      step: 'features',
      code: 'remote-connection-failed',
      condition,
    })
  },
)

test('missing values have defaults', () => {
  expect(read(" sid='s1'")).toEqual({ ...usual, maxpause: undefined })
})

test.each(['', '-1', '1.5', '1e3', '123456', 'many'])('"%s" is no number, and the default applies', text => {
  const said = ['wait', 'hold', 'requests', 'inactivity', 'polling', 'maxpause', 'ver']
    .map(name => ` ${name}='${text}'`)
    .join('')
  const ver = text === '1.5' ? '1.5' : '1.6'
  expect(read(` sid='s1'${said}`)).toEqual({ ...usual, ver, maxpause: undefined })
})

test.each(['', " sid=''", " wait='60'"])('a reply with <body%s/> names no session', attributes => {
  expect(read(attributes)).toBeUndefined()
})

test('values do not keep the text of the reply in memory', () => {
  const reply = ` sid='${'s'.repeat(40)}' other='${'x'.repeat(100_000)}'`
  const terms: unknown[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 100; count++) terms.push(read(reply))
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
  expect(terms).toHaveLength(100)
})
