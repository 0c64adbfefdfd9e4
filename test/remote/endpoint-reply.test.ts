import { Readable } from 'node:stream'
import { expect, test } from '@jest/globals'
import { readReply, readTerms } from '../../src/remote/endpoint-reply.js'
import { documentReader } from '../../src/xmpp/xml/document.js'
import { defaultLimits } from '../../src/xmpp/xml/limits.js'
import { collectGarbage } from '../support/collected.js'

const read = (attributes: string) => readTerms(documentReader(defaultLimits)(`<body${attributes}/>`).root, 60)

const usual = { sid: 's1', wait: 60, hold: 1, requests: 2, inactivity: 60, polling: 5, ver: '1.6' }

test('the session has the values of the creation reply', () => {
  const values = { sid: 's1', wait: 30, hold: 2, requests: 3, inactivity: 45, polling: 10, maxpause: 120, ver: '1.11' }
  const said = Object.entries({ ...values, extra: 'x' }).map(([name, value]) => ` ${name}='${value}'`)
  expect(read(said.join(''))).toEqual(values)
})

test.each([
  ['host-unknown', 'host-unknown'],
  ['host-gone', 'host-unknown'],
  ['improper-addressing', 'host-unknown'],
  ['remote-stream-error', 'remote-stream-error'],
  ['policy-violation', 'remote-connection-failed'],
  ['constructor', 'remote-connection-failed'],
  ['__proto__', 'remote-connection-failed'],
])('a session that ends with %s is reported as %s', async (condition, code) => {
  const text = `<body type='terminate' condition='${condition}' xmlns='http://jabber.org/protocol/httpbind'/>`
  const reply = await readReply(Readable.from([Buffer.from(text)]), 1000)
  expect(reply.end?.failure).toEqual({ step: 'features', code, condition })
})

test.each([undefined, '', '-1', '1.5', '1e3', '123456', 'many'])(
  'instead of the value %j the default applies',
  text => {
    const said = ['wait', 'hold', 'requests', 'inactivity', 'polling', 'maxpause', 'ver']
      .map(name => (text === undefined ? '' : ` ${name}='${text}'`))
      .join('')
    const ver = text === '1.5' ? '1.5' : '1.6'
    expect(read(` sid='s1'${said}`)).toEqual({ ...usual, ver, maxpause: undefined })
  },
)

test.each(['', " sid=''", " wait='60'"])('a reply with <body%s/> has no sid', attributes => {
  expect(read(attributes)).toBeUndefined()
})

test('a sid that each request would repeat is refused if it is too long', () => {
  expect(read(` sid='${'s'.repeat(1023)}'`)?.sid).toHaveLength(1023)
  expect(() => read(` sid='${'s'.repeat(1024)}'`)).toThrow('an attribute is too long')
})

test('parsed values do not keep the whole reply in memory', () => {
  const reply = ` sid='${'s'.repeat(40)}' other='${'x'.repeat(100_000)}'`
  const terms: unknown[] = []
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 100; count++) terms.push(read(reply))
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
  expect(terms).toHaveLength(100)
})

test('an endpoint cannot choose how long a reply may take', () => {
  expect(read(" sid='s1' wait='9999'")?.wait).toBe(60)
})

test('what is dropped of a reply is counted, and does not keep the rest of its stanza', async () => {
  const stanza = `<message xmlns='jabber:client' id='1'>${'x'.repeat(200_000)}</message>`
  async function* reply() {
    yield Buffer.from("<body xmlns='http://jabber.org/protocol/httpbind'>")
    for (let count = 0; count < 75; count++) yield Buffer.from(stanza)
    yield Buffer.from('</body>')
  }
  let [counted, most] = [0, 0]
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  const { dropped } = await readReply(reply(), 1_000_000, bytes => {
    counted += bytes
    most = Math.max(most, counted)
  })
  collectGarbage()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
  expect([dropped.length, counted]).toEqual([71, 0])
  expect(dropped[0]).toEqual({
    name: 'message',
    namespace: 'jabber:client',
    text: "<message xmlns='jabber:client' id='1'/>",
  })
  expect(most).toBeGreaterThan(800_000 + 71 * 300)
})

test('a dropped stanza with a long start tag has no answer', async () => {
  const stanza = `<message xmlns='jabber:client' id='${'x'.repeat(5_000)}'/>`
  const text = `<body xmlns='http://jabber.org/protocol/httpbind'>${stanza}</body>`
  expect((await readReply(Readable.from([Buffer.from(text)]), 1000)).dropped).toEqual([undefined])
})
