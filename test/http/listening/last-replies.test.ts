import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, Server as NetServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { replyWhole } from '../../../src/http/fast/fast-response.js'
import { install } from '../../../src/http/fast/install.js'
import { LastReplies } from '../../../src/http/listening/last-replies.js'
import { eventually } from '../../support/eventually.js'

describe.each([true, false])('connections during a stop, HTTP_FAST %s', isFast => {
  let server: Server
  let lastReplies: LastReplies | undefined
  let held: ServerResponse[]
  let taken: Socket[]
  let client: Socket
  let got: string
  let isClosed: boolean

  beforeEach(async () => {
    lastReplies = undefined
    held = []
    taken = []
    got = ''
    isClosed = false
    server = createServer(install(isFast), (_req, res) => {
      if (lastReplies?.add(res) !== false) held.push(res)
    })
    server.on('connection', socket => taken.push(socket))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.setEncoding('latin1').on('data', text => {
      got += text
    })
    client.on('close', () => {
      isClosed = true
    })
    await once(client, 'connect')
  })

  afterEach(() => {
    client.destroy()
    server.close()
    server.closeAllConnections()
  })

  const request = async (count = 1) => {
    const before = held.length
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count))
    await eventually('the requests have come', () => held.length === before + count)
  }
  const answer = (at: number) => {
    const body = `reply ${at}`
    if (!replyWhole(held[at]!, '', body, body.length)) held[at]!.end(body)
  }
  const retire = () => {
    lastReplies = new LastReplies()
    for (const socket of taken) lastReplies.includeOpen(socket)
    NetServer.prototype.close.call(server)
  }
  const replies = () =>
    got
      .split('HTTP/1.1 200 OK')
      .slice(1)
      .map(text => [/^connection: (.*?)\r$/im.exec(text)?.[1], text.split('\r\n').at(-1)])

  test('end with the reply to a held request', async () => {
    await request()
    retire()
    answer(0)
    await eventually('it is closed', () => isClosed)
    expect(replies()).toEqual([['close', 'reply 0']])
  })

  test('that are idle can get one more reply', async () => {
    await request()
    answer(0)
    await eventually('it is there', () => got.includes('reply 0'))
    retire()
    expect(isClosed).toBe(false)
    await request()
    answer(1)
    await eventually('it is closed', () => isClosed)
    expect(replies()).toEqual([
      ['keep-alive', 'reply 0'],
      ['close', 'reply 1'],
    ])
  })

  test('get replies to all requests that came before the stop', async () => {
    await request(3)
    retire()
    for (const at of [0, 1, 2]) {
      answer(at)
      await eventually('it is there', () => got.includes(`reply ${at}`))
    }
    await eventually('it is closed', () => isClosed)
    expect(replies()).toEqual([
      ['keep-alive', 'reply 0'],
      ['keep-alive', 'reply 1'],
      ['close', 'reply 2'],
    ])
  })

  test('that sent keep-alive can get one more reply', async () => {
    await request(2)
    answer(1)
    retire()
    answer(0)
    await eventually('both are there', () => got.includes('reply 1'))
    await request()
    answer(2)
    await eventually('it is closed', () => isClosed)
    expect(replies()).toEqual([
      ['keep-alive', 'reply 0'],
      ['keep-alive', 'reply 1'],
      ['close', 'reply 2'],
    ])
  })

  test('get a reply to a request that arrives behind a held request after the stop', async () => {
    await request()
    retire()
    await request()
    await request()
    for (const at of [0, 1, 2]) answer(at)
    await eventually('it is closed', () => isClosed)
    expect(replies()).toEqual([
      ['keep-alive', 'reply 0'],
      ['keep-alive', 'reply 1'],
      ['close', 'reply 2'],
    ])
  })
})
