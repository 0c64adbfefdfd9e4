// Pages that ask about the link to the server: told over both transports when it breaks, and when it is mended.
import { describe, expect, test } from '@jest/globals'
import { linkNamespace, smNamespace } from '../../../src/xmpp/namespaces.js'
import * as pages from '../../browsers/websocket/pages.js'
import { ack, attachPage, attachPageCounting, benchWithTickets } from '../../browsers/websocket/pages.js'
import { BoshBench, lost, message, payload } from '../../support/bosh-bench.js'
import { movedTo, nextBench, recordsOf, resumable, resumesAt, takeUpAt } from '../../support/next-process.js'

const sm = `xmlns='${smNamespace}'`
const watch = `<watch xmlns='${linkNamespace}'/>`
const mending = `<link xmlns='${linkNamespace}' state='mending'/>`
const up = `<link xmlns='${linkNamespace}' state='up'/>`

/** A session whose link can be mended. */
async function setStage() {
  const { bench, client, mending: repairs } = await resumable(benchWithTickets())
  let { link } = client
  return {
    bench,
    client,
    breaks: () => bench.server(() => link.end(lost)),
    receives: (text: string) => bench.server(() => link.receive(text)),
    async isMended() {
      link = await resumesAt(bench, repairs)
      return link.sent
    },
  }
}

describe('a page over BOSH', () => {
  test('is told the state when it asks, and each change at once', async () => {
    const { bench, client, breaks, isMended } = await setStage()
    expect((await client.next(watch)).reply?.body).toBe(payload(up))
    const held = await client.next()
    await breaks()
    expect(held.reply?.body).toBe(payload(mending))
    const again = await client.next()
    await isMended()
    expect(again.reply?.body).toBe(payload(up))
    expect(bench.registry.bySid(client.sid)?.client?.unconfirmed).toBe(0)
    expect((await client.next()).reply).toBeUndefined()
  })

  test('is told with its next request if none is open, and only the newest state', async () => {
    const { client, breaks, isMended } = await setStage()
    await client.next(watch)
    await breaks()
    await isMended()
    await breaks()
    expect((await client.next()).reply?.body).toBe(payload(mending))
    expect((await client.next()).reply).toBeUndefined()
  })

  test('is told before the stanzas that wait', async () => {
    const { bench, client, breaks } = await setStage()
    await client.next(watch)
    await bench.server(link => link.receive(message('one')))
    await breaks()
    expect((await client.next()).reply?.body).toBe(payload(mending, message('one')))
  })

  test('that does not ask is told nothing', async () => {
    const { client, breaks, isMended } = await setStage()
    const held = await client.next()
    await breaks()
    await isMended()
    expect(held.reply).toBeUndefined()
  })

  test('that resumes a session asks itself, also while the link is mended', async () => {
    const { bench, client, breaks } = await setStage()
    await client.next(watch)
    await breaks()
    const page = await bench.resume(client)
    const silent = await page.next()
    expect(silent.reply).toBeUndefined()
    expect((await page.next(watch)).reply).toBeUndefined()
    expect(silent.reply?.body).toBe(payload(mending))
  })

  test('whose link cannot be mended is told that it is up', async () => {
    const client = await new BoshBench().warmed()
    const { reply } = await client.next(watch)
    expect([reply?.body, client.link.sent]).toEqual([payload(up), []])
  })

  test('whose session moves to another process is told there', async () => {
    const { bench, client } = await setStage()
    await client.next(watch)
    const next = nextBench()
    const [repairs] = takeUpAt(next, recordsOf(bench))
    const page = movedTo(next, client)
    expect((await page.next()).reply?.body).toBe(payload(mending))
    const held = await page.next()
    await resumesAt(next, repairs!)
    expect(held.reply?.body).toBe(payload(up))
  })
})

describe('a page over WebSocket', () => {
  test('is told the state when it asks, and each change at once', async () => {
    const { bench, client, breaks, isMended } = await setStage()
    const page = attachPage(bench, client.token!)
    page.receive(watch)
    await breaks()
    await isMended()
    expect(page.sent).toEqual([up, mending, up])
  })

  test('counts neither its question nor the notices as stanzas, and resumes its stream', async () => {
    const { bench, client, breaks, isMended, receives } = await setStage()
    const { socket, id } = attachPageCounting(bench, client.token!)
    socket.receive(watch)
    socket.receive(pages.request)
    await bench.server(link => link.receive(message('one')))
    await breaks()
    expect(socket.sent).toEqual([up, ack(0), message('one'), pages.request, mending])
    socket.receive(ack(1))
    socket.leave()
    await isMended()
    await receives(message('two'))
    const again = await pages.comeBack(bench, client, id, 1)
    again.receive(watch)
    expect(again.sent).toEqual([`<resumed ${sm} previd='${id}' h='0'/>`, ...[message('two'), pages.request, up]])
  })

  test('that does not read gets only the newest notice', async () => {
    const { bench, client, breaks } = await setStage()
    const page = attachPage(bench, client.token!)
    page.bufferedAmount = 10_000_000
    for (let time = 0; time < 9; time++) page.receive(watch)
    await breaks()
    expect(page.sent).toEqual([])
    page.drain()
    expect(page.sent).toEqual([mending])
  })
})

test('stanzas of a page go to the server after the break, and its questions do not', async () => {
  const { bench, client, breaks, isMended } = await setStage()
  const page = attachPage(bench, client.token!)
  await breaks()
  page.receive(watch)
  page.receive(message('one'))
  expect((await isMended()).slice(1)).toEqual([`${message('one')}<r ${sm}/>`])
})
