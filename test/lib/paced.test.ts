import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { paced, pacedDelivery, paceEnds } from '../../src/lib/paced.js'

let now = 0
/** Work of 4 ms, by name. */
let done: string[] = []

function work(name: string): void {
  now += 4
  done.push(name)
}

beforeEach(async () => {
  await turn()
  done = []
  jest.spyOn(performance, 'now').mockImplementation(() => now)
})

afterEach(() => void jest.restoreAllMocks())

test('work for all sessions takes 10 ms of a turn, and continues in later turns, in order', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) paced(name, work)
  expect(done.join('')).toBe('abc')
  paced('h', work)
  expect(done.join('')).toBe('abc')
  await turn()
  expect(done.join('')).toBe('abcdef')
  await turn()
  expect(done.join('')).toBe('abcdefgh')
  paced('i', work)
  expect(done.join('')).toBe('abcdefghi')
})

test('stanzas do not wait for the ends of many connections', async () => {
  for (let count = 0; count < 20; count++) paced('.', work)
  await turn()
  pacedDelivery('stanza', work)
  expect(done.at(-1)).toBe('stanza')
  while (done.length < 21) await turn()
})

test('work for all sessions lets timers run in between', async () => {
  for (let count = 0; count < 20; count++) paced('work', work)
  const before = done.length
  await new Promise(resolve => setTimeout(resolve, 0))
  expect(before).toBe(3)
  while (done.length < 20) await turn()
})

describe('many connections that end in one turn', () => {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true })
  let received: string[] = []

  beforeEach(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)))
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    server.close()
    await once(server, 'close')
    received = []
  })

  async function pair(isRead = true): Promise<readonly [Socket, Socket]> {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [accepted] = (await once(server, 'connection')) as [Socket]
    paceEnds(accepted)
    if (isRead) accepted.on('data', chunk => received.push(String(chunk)))
    sockets.push(client, accepted)
    return [client, accepted]
  }

  test('are reported in several turns, after their data', async () => {
    const pairs = [await pair(), await pair(), await pair(), await pair(), await pair(), await pair()]
    const turns = new Map<number, number>()
    let count = 0
    const ended = pairs.map(
      ([, accepted]) =>
        new Promise<void>(resolve =>
          accepted.on('end', () => {
            now += 6
            turns.set(count, (turns.get(count) ?? 0) + 1)
            resolve()
          }),
        ),
    )
    for (const [client] of pairs) client.end('last')
    const all = Promise.all(ended).then(() => true)
    while (!(await Promise.race([all, turn(false)]))) count += 1
    expect(Math.max(...turns.values())).toBeLessThanOrEqual(3)
    expect(received).toEqual(pairs.map(() => 'last'))
  })

  test('end in a later turn even if nothing reads them', async () => {
    const [, accepted] = await pair(false)
    const ended = once(accepted, 'end')
    for (let count = 0; count < 3; count++) paced('work', work)
    // Like Node when the other side ends the connection.
    accepted.push(null)
    await ended
  })

  test('are closed in several turns too', async () => {
    const pairs = [await pair(), await pair(), await pair(), await pair(), await pair(), await pair()]
    for (const [client, accepted] of pairs) {
      client.end()
      await once(accepted, 'end')
    }
    await turn()
    const closedIn: number[] = []
    let count = 0
    for (const [, accepted] of pairs) {
      accepted.on('close', () => closedIn.push(count)).destroy()
      paced('work', work)
    }
    for (; closedIn.length < pairs.length; count++) await turn()
    expect(new Set(closedIn).size).toBe(2)
  })

  test('that are closed with an error before they end get no more data', async () => {
    const [client, accepted] = await pair()
    accepted.on('error', () => {})
    for (let count = 0; count < 60; count++) paced('work', work)
    accepted.destroy(new Error('a write failed'))
    client.on('error', () => {}).write('more')
    await once(client, 'close')
    expect(received).toEqual([])
    while (done.length < 60) await turn()
  })

  test('that are reset have their error and are closed', async () => {
    const [client, accepted] = await pair()
    const failed = once(accepted, 'error')
    const closed = new Promise<boolean>(resolve => accepted.on('close', resolve))
    client.resetAndDestroy()
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }])
    expect(await closed).toBe(true)
  })
})
