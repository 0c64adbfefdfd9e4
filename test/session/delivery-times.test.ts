import { describe, expect, test } from '@jest/globals'
import { Counts } from '../../src/lib/counts.js'
import { WaitingMemory } from '../../src/lib/limits/waiting-memory.js'
import { Outbox } from '../../src/session/outbox.js'
import type { Transport } from '../../src/session/session-types.js'
import { attachedPage, benchWithTickets } from '../browsers/websocket/pages.js'
import { message } from '../support/bosh-bench.js'
import { FakeClock } from '../support/fake-clock.js'

/** Number of timed deliveries, and the sum of their seconds. */
const timesOf = async ({ deliveries }: Counts, transport: Transport) => {
  const { values } = await deliveries.get()
  const numberOf = (end: string) =>
    values.find(({ metricName, labels }) => metricName?.endsWith(end) && labels.transport === transport)?.value ?? 0
  return [numberOf('_count'), numberOf('_sum')]
}

describe('the measured time from server to page', () => {
  test('over BOSH includes the wait for a request, and counts from the first stanza of a delivery', async () => {
    const bench = benchWithTickets()
    const client = await bench.session()
    const before = await timesOf(bench.counts, 'bosh')
    await client.next()
    await bench.pass(20)
    client.link.receive(message('a'))
    expect(await timesOf(bench.counts, 'bosh')).toEqual([before[0]! + 1, before[1]])
    await bench.pass(3)
    client.link.receive(message('b'))
    await bench.pass(2)
    client.link.receive(message('c'))
    await bench.pass(1)
    await client.next()
    expect(await timesOf(bench.counts, 'bosh')).toEqual([before[0]! + 2, before[1]! + 3])
    expect(await timesOf(bench.counts, 'websocket')).toEqual([0, 0])
  })

  test('over WebSocket includes the wait for a page that does not read', async () => {
    const { bench, client, page } = await attachedPage()
    client.link.receive(message('a'))
    expect(await timesOf(bench.counts, 'websocket')).toEqual([1, 0])
    page.bufferedAmount = 1_000_000
    client.link.receive(message('b'))
    await bench.pass(4)
    page.bufferedAmount = 0
    page.connection.emit('drain')
    expect(page.sent.filter(text => text.includes('<body>'))).toHaveLength(2)
    expect(await timesOf(bench.counts, 'websocket')).toEqual([2, 4])
  })

  test('is right for a page that fetches a part, and excludes stanzas that the page has', async () => {
    const clock = new FakeClock()
    const counts = new Counts()
    const outbox = new Outbox({ waiting: new WaitingMemory(), clock, counts })
    const element = (text: string, namespace = 'jabber:client') => ({ name: 'message', namespace, text })
    const add = (text: string) => outbox.add(element(text))
    const times = () => timesOf(counts, 'websocket')

    outbox.add(element('features', 'http://etherx.jabber.org/streams'))
    add('first')
    clock.advance(1_000)
    add('second')
    expect(outbox.take('websocket', 1)).toMatchObject([{ text: 'features' }])
    expect(await times()).toEqual([0, 0])
    expect(outbox.take('websocket', 1)).toMatchObject([{ text: 'first' }])
    expect(await times()).toEqual([1, 1])
    add('third')
    clock.advance(1_000)
    outbox.putBack([element('first')])
    expect(outbox.take('websocket', 11)).toHaveLength(2)
    expect(await times()).toEqual([1, 1])
    clock.advance(1_000)
    expect(outbox.take('websocket')).toMatchObject([{ text: 'third' }])
    expect(await times()).toEqual([2, 3])

    add('fourth')
    outbox.skip(1)
    add('fifth')
    clock.advance(500)
    outbox.clear()
    add('sixth')
    outbox.take('websocket')
    expect(await times()).toEqual([3, 3])
  })
})
