import { EventEmitter } from 'node:events'
import { expect, test } from '@jest/globals'
import type { ConnectionManager } from '../../../src/browsers/bosh/connection-manager.js'
import { ForwardedRequests } from '../../../src/browsers/bosh/forwarded-requests.js'
import { busyAnswer, noAnswer, type Peer, type Reply } from '../../../src/browsers/bosh/peer.js'
import type { Config } from '../../../src/config/config.js'
import type { Whereabouts } from '../../../src/forwarding/whereabouts.js'
import { Counts } from '../../../src/lib/counts.js'
import { Phase } from '../../../src/lib/phase.js'
import { StoreUnavailable } from '../../../src/store/store.js'
import { request } from '../../support/bosh-bench.js'
import { FakeClock } from '../../support/fake-clock.js'
import { unlimitedBodies } from '../../support/fake-web-socket.js'

const proxy = '192.0.2.80'
const trustedProxies = { hasProxy: (address: string) => address === proxy }

const clock = new FakeClock()

/** The service of a process that has no session. */
function serviceOf(whereabouts: object, manager: Partial<ConnectionManager> = {}, most = 0, refused: object[] = []) {
  const transport = {
    ...{ clock, counts: new Counts(), maxStanzaBytes: 500, bodies: unlimitedBodies(), report: () => {} },
    refused: (limit: string, about?: object) => void refused.push({ limit, ...about }),
  }
  return new ForwardedRequests({
    ...{ transport, whereabouts: whereabouts as Whereabouts },
    config: () => ({ listen: { maxConnectionsPerAddress: most }, trustedProxies }) as unknown as Config,
  }).over({ has: () => false, ...manager } as ConnectionManager)
}

const poll = request('aaaaaaaa-1', 1)

/** A process whose store does not answer until `end`. */
function begin(mostConnections: number) {
  const refused: object[] = []
  const pending: (() => void)[] = []
  const find = () => new Promise((_resolve, reject) => pending.push(() => reject(new StoreUnavailable('no-answer'))))
  const peers = { answer() {}, ownerIn() {} }
  const service = serviceOf({ peers, find, phase: new Phase() }, {}, mostConnections, refused)
  let sent = 0
  const replies: Reply[] = []
  const send = (address: string) => {
    const index = sent++
    const answer = (reply: Reply) => {
      replies[index] = reply
    }
    const peer = { address, answer }
    service.serve(request(`aaaaaaaa-${index}`, 1), peer as Peer)
  }
  const end = async () => {
    for (const each of pending.splice(0)) each()
    await new Promise(setImmediate)
  }
  return { send, replies, refused, end }
}

const settled = () => new Promise(setImmediate)

test.each([
  ['that guesses sids has 64 of them looked up at once', 0, 64, noAnswer, 'lookups'],
  ['has four requests for each of its connections forwarded at once', 1, 4, busyAnswer, 'connections-address'],
])('a client %s', async (_what, mostConnections, most, answer, limit) => {
  const { send, replies, refused, end } = begin(mostConnections)
  for (let count = 0; count <= most; count++) send('192.0.2.1')
  send('192.0.2.2')
  await settled()
  expect([replies.filter(Boolean), replies[most]]).toEqual([[answer], answer])
  expect(refused).toEqual([{ limit, address: '192.0.2.1' }])
  await end()
  send('192.0.2.1')
  await settled()
  expect(replies[most + 2]).toBeUndefined()
})

test('browsers behind a proxy that does not name them have neither limit', async () => {
  const { send, replies, refused, end } = begin(1)
  for (let count = 0; count < 65; count++) send(proxy)
  await settled()
  expect(replies).toEqual([])
  expect(refused).toEqual([])
  await end()
  expect(replies.filter(reply => reply === noAnswer).length).toBe(65)
})

test('a request whose client leaves while its session is looked for is not served: the client has repeated it', async () => {
  const served: unknown[] = []
  const found: ((place: 'here') => void)[] = []
  const peers = { answer() {}, ownerIn() {} }
  const find = () => new Promise(resolve => found.push(resolve))
  const serve = (_text: string, { address, mayBeLate }: Peer) => void served.push([address, mayBeLate])
  const service = serviceOf({ peers, find }, { serve })
  const clients = ['192.0.2.1', '192.0.2.2'].map(address => ({ address, gone: false, answer() {} }))
  for (const peer of clients) service.serve(poll, peer as unknown as Peer)
  clients[0]!.gone = true
  for (const each of found) each('here')
  await settled()
  expect(served).toEqual([['192.0.2.2', true]])
})

test.each([
  ['breaks is sent four times in all', 'broken', 4],
  ['cannot be opened is sent once', 'unreachable', 1],
])('a request whose link %s, and then gets no answer', async (_what, lost, most) => {
  let sent = 0
  const link = {
    lost,
    request() {
      sent += 1
      const stream = Object.assign(new EventEmitter(), { write() {}, end() {}, rstCode: 0 })
      setImmediate(() => stream.emit('close'))
      return stream
    },
  }
  const owner = { name: 'aaaaaaaa', link }
  const peers = { answer() {}, ownerIn: () => owner, ownerNamed: () => owner }
  const service = serviceOf({ peers, phase: new Phase() })
  const replies: Reply[] = []
  const peer = { address: '192.0.2.1', gone: false, answer: (reply: Reply) => void replies.push(reply) }
  service.serve(poll, peer as unknown as Peer)
  for (let turn = 0; turn < 2 * most; turn++) {
    await settled()
    await settled()
    clock.advance(300)
  }
  await settled()
  expect([sent, replies]).toEqual([most, [noAnswer]])
})

test('a request that is too large ends its session where it is now, and not only where its sid was made', async () => {
  const terminated: Reply = { status: 200, body: "<body type='terminate'/>", contentType: 'text/xml' }
  const asked: string[] = []
  const lost: (string | undefined)[] = []
  const begin = (named: string | undefined, has: readonly string[], found: string | undefined) => {
    const peers = {
      answer() {},
      ownerIn: () => named && { name: named },
      ask: async (name: string) => {
        asked.push(name)
        return has.includes(name) ? terminated : null
      },
    }
    const find = async (_key: object, _isHere: () => boolean, but?: string) => {
      lost.push(but)
      return found === 'here' ? found : found && { name: found }
    }
    return serviceOf({ peers, find }, { refuseTooLarge: () => (found ? { ...terminated, body: 'here' } : undefined) })
  }
  const peer = { address: '192.0.2.1', secure: true, cookies: undefined }
  const start = poll.replace('</body>', '<message>')
  const answers = [
    await begin('maker', ['maker'], undefined).refuseTooLarge(start, peer),
    await begin(undefined, ['taker'], 'taker').refuseTooLarge(start, peer),
    await begin('maker', ['taker'], 'taker').refuseTooLarge(start, peer),
    await begin('maker', [], 'here').refuseTooLarge(start, peer),
    await begin(undefined, [], undefined).refuseTooLarge(start, peer),
  ]
  const here = { ...terminated, body: 'here' }
  expect(answers).toEqual([terminated, terminated, terminated, here, undefined])
  expect(asked).toEqual(['maker', 'taker', 'maker', 'taker', 'maker'])
  expect(lost).toEqual([undefined, 'maker', 'maker', undefined])
})
