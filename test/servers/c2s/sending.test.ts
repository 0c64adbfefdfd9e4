import { afterEach, describe, expect, test } from '@jest/globals'
import { element } from '../../support/element.js'
import { opened, stopServers } from './call.js'

afterEach(stopServers)

const turn = () => new Promise(resolve => setImmediate(resolve))
const tick = () => new Promise<void>(resolve => process.nextTick(resolve))

describe('data on a link', () => {
  test('of one turn is sent together at the end of the turn', async () => {
    const { call, peer } = await opened()
    call.link.send([element('<presence/>')])
    call.link.send([element('<message/>')])
    expect(call.link.backlog).toBe('<presence/><message/>'.length)
    await turn()
    expect(call.link.backlog).toBe(0)
    expect(await peer.until('<message/>')).toBe('<presence/><message/>')
  })

  test('is reported as sent if its sender waits for room', async () => {
    const { call, peer } = await opened()
    call.link.send([element(`<a>${'x'.repeat(300_000)}</a>`)])
    expect(call.link.backlog).toBeGreaterThan(256 * 1024)
    await call.hears('drain')
    expect(call.link.backlog).toBe(0)
    await peer.until('</a>')
  })

  test('is sent before the end of the stream, and before a new stream', async () => {
    const { call, peer } = await opened()
    call.link.send([element('<presence/>')])
    call.link.restart({ lang: 'fr' })
    call.link.send([element('<message/>')])
    call.link.close()
    const text = await peer.until('</stream:stream>')
    expect(text).toMatch(/^<presence\/><\?xml [^>]*><stream:stream [^>]*><message\/><\/stream:stream>$/)
  })
})

test.each([
  ['stanzas', 8, false],
  ['steps of a login', 2, true],
])('data on many links is sent before the end of the turn: %s', async (_what, lot, isStep) => {
  const all: Awaited<ReturnType<typeof opened>>[] = []
  while (all.length <= lot) all.push(await opened())
  const waiting = () => all.filter(({ call }) => call.link.backlog > 0).length
  // Stanzas and login steps have separate limits.
  all[lot]!.call.link.send([element('<other/>')], !isStep)
  for (const { call } of all.slice(0, lot - 1)) call.link.send([element('<é/>')], isStep)
  await tick()
  expect(waiting()).toBe(lot)
  all[lot - 1]!.call.link.send([element('<last/>')], isStep)
  await tick()
  expect(waiting()).toBe(1)
  await turn()
  expect(waiting()).toBe(0)
  const texts = await Promise.all(all.map(({ peer }) => peer.until('/>')))
  expect(texts).toEqual([...all.slice(2).map(() => '<é/>'), '<last/>', '<other/>'])
})
