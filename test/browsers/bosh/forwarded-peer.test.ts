import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ForwardedPeer, forwardText } from '../../../src/browsers/bosh/forwarded-peer.js'
import { noAnswer, type Peer, type Reply, type Settled } from '../../../src/browsers/bosh/peer.js'
import { PeerLinks } from '../../../src/forwarding/peer-links.js'
import type { PeerListener } from '../../../src/forwarding/peer-listener.js'
import { freshPath, listenWith, socketAt } from '../../forwarding/stage.js'
import { collectGarbage } from '../../support/collected.js'
import { eventually } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'

/** A client at the process that forwards. */
class Client implements Peer {
  readonly address = '192.0.2.1'
  readonly secure = true
  readonly browser = 'Firefox 140, Linux'
  readonly secureUrl = undefined
  readonly replies: Reply[] = []
  gone = false
  whenGone: (() => void) | undefined
  /** Its replies leave when the test calls `settle`. */
  isSlow = false
  settle: Settled | undefined

  constructor(readonly cookies: string | undefined = undefined) {}

  answer(reply: Reply, settled?: Settled): void {
    this.replies.push(reply)
    if (this.isSlow) this.settle = settled
    else settled?.(true)
  }

  leave(): void {
    this.gone = true
    this.whenGone?.()
  }
}

const xml = 'text/xml; charset=utf-8'
const replyOf = (body: string): Reply => ({ status: 200, body, contentType: xml })
const long = `<body>${'é'.repeat(600_000)}</body>`

let owner: PeerListener
let links: PeerLinks
let path: string
let faults: unknown[]
let arrived: { readonly text: string; readonly peer: ForwardedPeer }[]
let serve: (text: string, peer: ForwardedPeer) => void

beforeEach(async () => {
  faults = []
  arrived = []
  serve = () => {}
  path = freshPath()
  links = new PeerLinks({ keys: () => [], clock: new FakeClock() })
  owner = await listenWith({
    address: socketAt(path),
    accept: (stream, headers) =>
      ForwardedPeer.accept(stream, headers, (text, peer) => {
        arrived.push({ text, peer })
        serve(text, peer)
      }),
    report: error => faults.push(error),
  })
})

afterEach(async () => {
  links.close()
  await owner.close()
  expect(faults).toEqual([])
})

const forward = (text: string, client: Peer, at = path) => forwardText(links.to(socketAt(at)), text, client)

interface Held {
  readonly peer: ForwardedPeer
  readonly how: ReturnType<typeof forward>
}

async function held(client: Peer, at = path): Promise<Held> {
  const before = arrived.length
  const how = forward('<body/>', client, at)
  await eventually('the request', () => arrived.length > before)
  return { peer: arrived[before]!.peer, how }
}

test('a request and its reply arrive whole', async () => {
  const client = new Client('a=1; b="ü"')
  const reply: Reply = { status: 200, body: '<body>ä</body>', contentType: xml, setCookie: 'c=1; Path=/' }
  serve = (_text, peer) => peer.answer(reply)
  expect(await forward('<body>é</body>', client)).toBeUndefined()
  expect(client.replies).toEqual([reply])
  const [{ text, peer } = arrived[0]!] = arrived
  expect(text).toBe('<body>é</body>')
  expect(peer).toMatchObject({ address: '192.0.2.1', secure: true, browser: 'Firefox 140, Linux', cameFromPeer: true })
  expect(peer.cookies).toBe('a=1; b="ü"')
})

test.each<[string, string, Reply]>([
  ['a long request and a long reply', long, replyOf(long)],
  ['an empty reply with another status', '<body/>', { status: 404, body: '', contentType: xml }],
  ['a reply that is no answer', '<body/>', noAnswer],
])('%s: it arrives as it is', async (_what, text, reply) => {
  const client = new Client()
  serve = (arrived, peer) => peer.answer(arrived === text ? reply : { ...reply, body: 'another request' })
  expect(await forward(text, client)).toBeUndefined()
  expect(client.replies).toEqual([reply])
})

test('if the link breaks while a reply is on its way, another reply over this link is not sent either', async () => {
  const between = freshPath()
  const sockets: Socket[] = []
  const relay = createServer(near => {
    const far = connect(path)
    for (const socket of [near, far]) sockets.push(socket.on('error', () => {}))
    near.pipe(far).pipe(near)
  })
  await once(relay.listen(between), 'listening')
  const slow = new Client()
  slow.isSlow = true
  const [first, second] = [await held(slow, between), await held(new Client(), between)]
  const outcomes: unknown[] = []
  const reply = replyOf('<body/>')
  first.peer.answer(reply, isSent => {
    outcomes.push(['first', isSent])
    try {
      second.peer.answer(reply, isSent => outcomes.push(['second', isSent]))
    } catch (error) {
      outcomes.push(error)
    }
  })
  await eventually('the reply at the client', () => slow.replies.length > 0)
  for (const socket of sockets) socket.destroy()
  relay.close()
  await Promise.all([first.how, second.how])
  await eventually('an outcome of each', () => outcomes.length > 1)
  expect(outcomes).toEqual([
    ['first', false],
    ['second', false],
  ])
})

test('only the first answer counts', async () => {
  const client = new Client()
  serve = (_text, peer) => {
    peer.answer(replyOf('one'))
    peer.answer(replyOf('two'))
    peer.refuse()
  }
  await forward('<body/>', client)
  expect(client.replies.map(({ body }) => body)).toEqual(['one'])
})

test('a request whose session is not there is lost, and so the caller can ask elsewhere', async () => {
  const client = new Client()
  serve = (_text, peer) => peer.refuse()
  expect(await forward('<body/>', client)).toBe('refused')
  expect(client.replies).toEqual([])
})

test('it is gone if nobody listens', async () => {
  expect(await forward('<body/>', new Client(), '/nowhere/at.sock')).toBe('gone')
})

test('it is broken if the link breaks before the reply', async () => {
  const { peer, how } = await held(new Client())
  links.close()
  expect(await how).toBe('broken')
  await eventually('the end there', () => peer.gone)
})

test('a client that goes away has gone there, and a reply does not leave', async () => {
  const client = new Client()
  const { peer, how } = await held(client)
  let ends = 0
  peer.whenGone = () => ends++
  client.leave()
  expect(await how).toBeUndefined()
  expect([peer.gone, ends]).toEqual([true, 1])
  const settled: boolean[] = []
  peer.answer(replyOf('late'), isSent => settled.push(isSent))
  await eventually('the end there', () => settled.length > 0)
  expect(settled).toEqual([false])
  peer.refuse()
  expect(client.replies).toEqual([])
  expect(links.streams).toBe(0)
})

test('a held request is hurried if the process with the client leaves', async () => {
  const client = new Client()
  const { peer, how } = await held(client)
  peer.whenHurried = () => peer.answer(replyOf('<body/>'))
  links.retire()
  expect(await how).toBeUndefined()
  expect(client.replies).toHaveLength(1)
})

test.each([true, false])(
  'the process with the session is told whether the reply has left for the client: %s',
  async hasLeft => {
    const client = new Client()
    client.isSlow = true
    const { peer, how } = await held(client)
    const settled: boolean[] = []
    peer.answer(replyOf('<body/>'), isSent => settled.push(isSent))
    await eventually('the reply', () => client.replies.length === 1)
    expect(settled).toEqual([])
    if (!hasLeft) client.leave()
    client.settle!(hasLeft)
    expect(await how).toBeUndefined()
    await eventually('the end there', () => settled.length > 0)
    expect(settled).toEqual([hasLeft])
    expect(links.streams).toBe(0)
  },
)

test('3,000 requests, most of which are cancelled, leave nothing behind and do not break the link', async () => {
  serve = (text, peer) => {
    if (text === 'quick') peer.answer(replyOf(text))
  }
  const link = links.to(socketAt(path))
  for (let round = 0; round < 100; round++) {
    const before = arrived.length
    const clients = Array.from({ length: 20 }, () => new Client())
    const cancelled = clients.map(client => forward('held', client))
    await Promise.all(Array.from({ length: 10 }, () => forward('quick', new Client())))
    await eventually('all requests', () => arrived.length === before + 30)
    for (const client of clients) client.leave()
    await Promise.all(cancelled)
  }
  expect(link.streams).toBe(0)
  expect(links.to(socketAt(path))).toBe(link)
  expect(arrived.filter(({ text, peer }) => text === 'held' && !peer.gone)).toEqual([])
})

test('a held request does not keep its body in memory', async () => {
  const text = `<body>${'x'.repeat(100_000)}</body>`
  let served = 0
  serve = () => {
    arrived.length = 0
    served += 1
  }
  const buffers = () => {
    collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  const before = buffers()
  const clients = Array.from({ length: 50 }, () => new Client())
  const ways = clients.map(client => forward(text, client))
  await eventually('all are held', () => served === clients.length)
  // With the bodies, it is 5 MB.
  await eventually('the bodies are no longer kept', () => buffers() - before < 2_000_000)
  for (const client of clients) client.leave()
  await Promise.all(ways)
})
