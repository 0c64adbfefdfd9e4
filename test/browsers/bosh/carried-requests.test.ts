// The process of a request hands its sessions over to another process.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { type BoshService, createCarriedRequests } from '../../../src/browsers/bosh/carried-requests.js'
import type { ConnectionManager } from '../../../src/browsers/bosh/connection-manager.js'
import type { Peer, Reply } from '../../../src/browsers/bosh/peer.js'
import { defaultContentType } from '../../../src/browsers/bosh/terms.js'
import type { Nodes } from '../../../src/processes/nodes.js'
import { startNodes } from '../../../src/processes/start-nodes.js'
import { FakePeer } from '../../support/bosh-bench.js'
import { FakeClock } from '../../support/fake-clock.js'
import { leave, settled } from '../../support/joined-processes.js'
import { MemoryNetwork } from '../../support/memory-carrier.js'

const log = pino({ level: 'silent' })
const [own, old, heir] = ['aaaaaaaa', 'xxxxxxxx', 'yyyyyyyy']
const sid = `${old}-0123`
const unknown = 'unknown'
let clock: FakeClock
let network: MemoryNetwork
const open: Process[] = []

/** A process that answers requests with its name, or not at all. */
interface Process {
  readonly nodes: Nodes
  readonly service: BoshService
  /** The texts of requests that reached the process. */
  readonly got: string[]
  readonly refusals: string[]
  isAnswering: boolean
  /** A session that moves can arrive before its process adopts the name. */
  hasMovedSession: boolean
}

beforeEach(() => {
  clock = new FakeClock()
  network = new MemoryNetwork()
})
afterEach(() => Promise.all(open.splice(0).map(({ nodes }) => nodes.close())))

async function start(name: string, awaitsHeirs = false): Promise<Process> {
  const nodes = await startNodes({ carriers: [network.start], clock, log, name, awaitsHeirs })
  const answer = (peer: Peer, body: string) => peer.answer({ status: 200, body, contentType: defaultContentType })
  const got: string[] = []
  const refusals: string[] = []
  const manager = {
    serve(text: string, peer: Peer) {
      got.push(text)
      if (process.isAnswering) answer(peer, name)
    },
    refuseUnknown: (peer: Peer) => answer(peer, unknown),
    has: () => process.hasMovedSession || (!nodes.isLeaving && nodes.owner(old) === nodes.self),
    refuseTooLarge: (start: string) => void got.push(start),
  } as unknown as ConnectionManager
  const service = createCarriedRequests(
    nodes,
    clock,
    () => false,
    limit => void refusals.push(limit),
  ).over('site', manager)
  const process: Process = { nodes, service, got, refusals, isAnswering: true, hasMovedSession: false }
  open.push(process)
  await settled()
  return process
}

const startAll = async () => [await start(own), await start(old), await start(heir)] as const

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 100) {
    clock.advance(100)
    await settled(8)
  }
}

function request({ service }: Process, text = `<body sid='${sid}' rid='1'/>`) {
  const replies: Reply[] = []
  const client = new FakePeer()
  service.serve(
    text,
    client.behindRequest(reply => {
      // As in HTTP, only the first reply counts.
      if (replies.length === 0) replies.push(reply)
    }),
  )
  return {
    client,
    /** `unanswered`: the connection was closed. */
    get replies() {
      return replies.map(({ status, body }) => (status === 0 ? 'unanswered' : body))
    },
  }
}

describe('a request for a session of a stopping process', () => {
  test('waits for the heir, and the heir answers', async () => {
    const [one, x, y] = await startAll()
    await leave(x.nodes)
    await settled()
    const waiting = request(one)
    const long = request(one, `<body sid='${sid}'>${'x'.repeat(100_000)}</body>`)
    const left = request(one, `<body sid='${sid}' left=''/>`)
    left.client.leave()
    // The client repeats the long request.
    expect(long.replies).toEqual(['unanswered'])
    await pass(3_000)
    expect(waiting.replies).toEqual([])
    y.nodes.adopt(x.nodes.names)
    await settled()
    expect([waiting.replies, left.replies]).toEqual([[heir], []])
    expect(y.got).toHaveLength(1)
    expect(request(y).replies).toEqual([heir])
  })

  test('is served by the process that received it, if this process is the heir', async () => {
    const [one, x] = await startAll()
    await leave(x.nodes)
    await settled()
    const waiting = request(one)
    await pass(1_000)
    one.nodes.adopt([old])
    expect([waiting.replies, waiting.client.whenGone]).toEqual([[own], undefined])
  })

  test('gets item-not-found if no heir appears within ten seconds', async () => {
    const [one, x] = await startAll()
    await leave(x.nodes)
    await settled()
    const waiting = request(one)
    await pass(9_000)
    expect(waiting.replies).toEqual([])
    await pass(1_500)
    expect(waiting.replies).toEqual([unknown])
    expect(request(one).replies).toEqual([own])
  })

  test('is sent to the heir again if the stopping process had not answered', async () => {
    const [one, x, y] = await startAll()
    x.isAnswering = false
    const held = request(one)
    const long = request(one, `<body sid='${sid}'>${'x'.repeat(100_000)}</body>`)
    await settled()
    expect(x.got).toHaveLength(2)
    await leave(x.nodes)
    await settled()
    // Long texts are not kept, so the client must repeat the request.
    expect([held.replies, long.replies]).toEqual([[], ['unanswered']])
    await pass(2_000)
    y.nodes.adopt([old])
    await settled()
    expect(held.replies).toEqual([heir])
    expect(y.got).toEqual([x.got[0]])
  })

  test('is sent to the heir, also if it reaches the stopping process', async () => {
    const [one, x, y] = await startAll()
    const late = request(one)
    x.nodes.leave()
    await settled()
    expect([late.replies, x.got]).toEqual([[], []])
    const direct = request(x)
    y.nodes.adopt([old])
    await settled()
    expect([late.replies, direct.replies]).toEqual([[heir], [heir]])
  })

  test('is not answered if the receiving process ends, or if too many wait', async () => {
    const [one, x] = await startAll()
    await leave(x.nodes)
    await settled()
    const texts = Array.from({ length: 2_100 }, () => `<body sid='${sid}'>${'x'.repeat(4_000)}</body>`)
    const all = texts.map(text => request(one, text))
    const refused = all.filter(({ replies }) => replies.length > 0)
    expect(refused.length).toBeGreaterThan(100)
    expect(refused.every(({ replies }) => replies[0] === 'unanswered')).toBe(true)
    expect(one.refusals).toEqual(new Array(refused.length).fill('carried'))
    await one.nodes.close()
    expect(all.every(({ replies }) => replies.length === 1 && replies[0] === 'unanswered')).toBe(true)
  })
})

test('a client may have 4 MiB of requests under way to another process', async () => {
  const [one, x] = await startAll()
  x.isAnswering = false
  const long = `<body sid='${sid}'>${'x'.repeat(1_500_000)}</body>`
  const all = [request(one, long), request(one, long), request(one, long)]
  expect(all.map(({ replies }) => replies)).toEqual([[], [], [expect.stringContaining('Send it again later.')]])
  expect(one.refusals).toEqual(['carried'])
})

test('a request gets item-not-found if the heir dies before it answers', async () => {
  const [one, x, y] = await startAll()
  y.isAnswering = false
  await leave(x.nodes)
  y.nodes.adopt([old])
  await settled()
  const held = request(one)
  await settled()
  network.kill(heir)
  await settled()
  expect([y.got.length, held.replies]).toEqual([1, [unknown]])
})

test('a request that the old process may have lost is sent to the heir, if there is an heir', async () => {
  const [one, x, y] = await startAll()
  x.isAnswering = false
  y.nodes.adopt([old])
  const held = request(one)
  await settled()
  network.lose(own, old)
  network.kill(old)
  await pass(400)
  expect([x.got.length, held.replies]).toEqual([1, [heir]])
})

test('a request with a forged node name waits only in the first ten seconds after a restart', async () => {
  const [one, two] = [await start(own), await start(heir, true)]
  expect(request(one).replies).toEqual([own])
  const waiting = request(two)
  const stranger = request(two, "<body sid='*.......-1'/>")
  await pass(9_000)
  expect([waiting.replies, stranger.replies, request(two, '<body/>').replies]).toEqual([[], [], [heir]])
  await pass(1_500)
  expect([waiting.replies, stranger.replies]).toEqual([[unknown], [heir]])
  expect(request(two).replies).toEqual([heir])
})

test('a request that is too large is not answered until there is an heir', async () => {
  const [one, x, y] = await startAll()
  await leave(x.nodes)
  await settled()
  const client = { secure: true, cookies: undefined }
  const start = `<body sid='${sid}'>`
  expect(await one.service.refuseTooLarge(start, client)).toMatchObject({ status: 0 })
  y.nodes.adopt([old])
  await settled()
  expect(await one.service.refuseTooLarge(start, client)).toBeUndefined()
})

test('a request that is too large is refused by the process that has the session, before it adopts the name', async () => {
  const [, x, y] = await startAll()
  const client = { secure: true, cookies: undefined }
  const start = `<body sid='${sid}'>`
  y.hasMovedSession = true
  expect(await y.service.refuseTooLarge(start, client)).toBeUndefined()
  expect([x.got, y.got]).toEqual([[], [start]])
  await leave(x.nodes)
  await settled()
  expect(await y.service.refuseTooLarge(start, client)).toBeUndefined()
  expect(y.got).toEqual([start, start])
})
