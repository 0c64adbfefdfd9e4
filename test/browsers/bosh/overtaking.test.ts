// Clients such as Strophe read replies as they arrive. So no stanza may leave before an earlier reply with stanzas has.
import { describe, expect, test } from '@jest/globals'
import { BoshBench, empty, FakePeer, message, payload, terminated } from '../../support/bosh-bench.js'
import { movedTo, nextBench, recordsOf, resumable, takeUpAt } from '../../support/next-process.js'

/** Its reply is on its way until the test settles it. */
function slowPeer(): FakePeer {
  const peer = new FakePeer()
  peer.settlesAtOnce = false
  return peer
}

/** The reply with `one` is on its way, the next request is held, and `two` has come from the server. */
async function overtaking() {
  const { bench, client } = await resumable(undefined, { seconds: 1000 })
  const peer = slowPeer()
  const first = await client.next('', '', peer)
  await bench.server(link => link.receive(message('one')))
  const second = await client.next(message('up'))
  await bench.server(link => link.receive(message('two')))
  const settle = async (isSent: boolean) => {
    peer.settle!(isSent)
    await bench.pass(0)
  }
  expect(first.reply?.body).toBe(payload(message('one')))
  expect(second.reply).toBeUndefined()
  return { bench, client, second, settle }
}

describe('while a reply with stanzas is on its way, later stanzas', () => {
  test('are in no reply that a later request or the end of its wait causes', async () => {
    const { bench, client, second, settle } = await overtaking()
    const third = await client.next(message('up'))
    expect(second.reply?.body).toBe(empty)
    await bench.pass(60)
    expect(third.reply?.body).toBe(empty)
    await settle(true)
    expect((await client.next()).reply?.body).toBe(payload(message('two')))
  })

  test('wait no longer if the client has repeated the request, and has its reply', async () => {
    const { bench, client, second, settle } = await overtaking()
    expect((await client.at(client.rid - 1)).reply?.body).toBe(payload(message('one')))
    await bench.pass(0)
    expect(second.reply?.body).toBe(payload(message('two')))
    // The earlier connection is closed at last, while another reply is on its way.
    const peer = slowPeer()
    const third = await client.next('', '', peer)
    await bench.server(link => link.receive(message('three')))
    const fourth = await client.next(message('up'))
    await bench.server(link => link.receive(message('four')))
    await settle(false)
    expect([third.reply?.body, fourth.reply]).toEqual([payload(message('three')), undefined])
    peer.settle!(true)
    await bench.pass(0)
    expect(fourth.reply?.body).toBe(payload(message('four')))
  })

  test('wait for the reply to the repeated request, although the earlier connection has sent its own', async () => {
    const { bench, client, second, settle } = await overtaking()
    const again = slowPeer()
    await client.at(client.rid - 1, '', '', again)
    await settle(true)
    expect(second.reply).toBeUndefined()
    again.settle!(true)
    await bench.pass(0)
    expect(second.reply?.body).toBe(payload(message('two')))
  })

  test('wait for replies without stanzas no longer than before', async () => {
    const { bench, client } = await BoshBench.warmed()
    await client.next('', '', slowPeer())
    const second = await client.next(message('up'))
    await bench.server(link => link.receive(message('one')))
    expect(second.reply?.body).toBe(payload(message('one')))
  })

  test('wait before the client is told of the end', async () => {
    const { bench, client, second, settle } = await overtaking()
    await bench.server(link => link.end({ failure: { step: 'stream', code: 'remote-protocol-error' } }))
    expect(second.reply).toBeUndefined()
    await settle(true)
    expect(second.reply?.body).toContain(message('two'))
    expect((await client.next()).reply?.body).toBe(terminated('remote-stream-error'))
  })
})

test('a client is told of the end only after a reply with stanzas has left', async () => {
  const { bench, client } = await BoshBench.warmed()
  const peer = slowPeer()
  await client.next('', '', peer)
  await bench.server(link => link.receive(message('one')))
  const second = await client.next(message('up'))
  await bench.server(link => link.end({ failure: { step: 'stream', code: 'remote-connection-failed' } }))
  expect(second.reply).toBeUndefined()
  peer.settle!(true)
  await bench.pass(0)
  expect(second.reply?.body).toBe(terminated('remote-stream-error'))
})

test('a client that receives a reply very slowly, and polls, does not keep an ended session', async () => {
  const { bench, client } = await BoshBench.warmed()
  await client.next('', '', slowPeer())
  await bench.server(link => link.receive(message('one')))
  await bench.server(link => link.end({ failure: { step: 'stream', code: 'remote-connection-failed' } }))
  for (let minute = 0; minute < 5; minute++) {
    await client.next()
    await bench.pass(60)
    await client.at(client.rid)
  }
  expect(bench.registry.size).toBe(0)
})

describe('if the connection of a reply with stanzas breaks, later stanzas', () => {
  test('wait until the repeated request is answered', async () => {
    const { bench, client, second, settle } = await overtaking()
    await settle(false)
    const again = slowPeer()
    expect((await client.at(client.rid - 1, '', '', again)).reply?.body).toBe(payload(message('one')))
    const third = await client.next()
    await bench.server(link => link.receive(message('three')))
    again.settle!(true)
    await bench.pass(0)
    expect([second.reply?.body, third.reply?.body]).toEqual([empty, payload(message('two'), message('three'))])
  })

  test('wait until a poll shows that the client has it', async () => {
    const { client, second, settle } = await overtaking()
    await settle(false)
    expect(second.reply?.body).toBe(empty)
    expect((await client.next()).reply?.body).toBe(payload(message('two')))
  })

  test('wait in the next process, too', async () => {
    const { bench, client, second, settle } = await overtaking()
    await settle(false)
    const next = nextBench()
    takeUpAt(next, recordsOf(bench))
    await bench.pass(0)
    expect(second.reply?.body).toBe(empty)
    const moved = movedTo(next, client)
    const third = await moved.next(message('up'))
    expect(third.reply?.body).toBe(empty)
    expect((await moved.at(moved.rid - 2)).reply?.body).toBe(payload(message('one')))
    expect((await moved.next()).reply?.body).toBe(payload(message('two')))
  })
})
