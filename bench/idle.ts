// What a session costs that only waits: memory of the service, and nothing of whoever stands beside it.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDemoServer } from '../src/demo/server.js'
import type { LoggedIn } from '../test/support/bosh-login.js'
import { startService } from './processes.js'
import { openBosh } from './sessions.js'
import { boshRoute, Lane } from './wire.js'

const few = 1_000
const many = 6_000
const users = 50
const restMilliseconds = 10_000
/** Where Node's inspector listens once SIGUSR1 has woken it. */
const inspector = 'http://127.0.0.1:9229/json/list'

export interface IdleFigures {
  readonly sessions: readonly [number, number]
  /** Resident memory of the service at these numbers, in KiB. */
  readonly residentKib: readonly [number, number]
  readonly kibPerSession: number
  readonly lost: number
}

/**
 * Holds sessions with a poll each on a plain link, logged in, and weighs the service, started with the flags of
 * `npm start`, at two numbers of them, each time after a collection of garbage and a rest.
 */
export async function measureIdle(): Promise<IdleFigures> {
  const names = Array.from({ length: users }, (_, index) => `user${index}`)
  const server = await startDemoServer(Object.fromEntries(names.map(name => [name, name])))
  const service = await startService(server.port)
  const held: Lane[] = []
  let lost = 0
  const hold = (session: LoggedIn) => {
    const lane = new Lane(boshRoute(service.port))
    held.push(lane)
    let rid = session.rid
    const poll = () => {
      const body = `<body xmlns='http://jabber.org/protocol/httpbind' rid='${rid++}' sid='${session.sid}'/>`
      lane.post(body, (error, text) => {
        if (error || text.includes('terminate')) lost += 1
        else poll()
      })
    }
    poll()
  }
  const growTo = async (count: number) => {
    const wanted = Array.from({ length: count - held.length }, (_, index) => names[index % users]!)
    for (const session of await openBosh({ kind: 'product', port: service.port }, wanted)) hold(session)
    await sleep(restMilliseconds / 4)
    await collectGarbage(service.pid)
    await sleep(restMilliseconds)
    return residentKib(service.pid)
  }
  try {
    const before = await growTo(few)
    const after = await growTo(many)
    return {
      sessions: [few, many],
      residentKib: [before, after],
      kibPerSession: (after - before) / (many - few),
      lost,
    }
  } finally {
    for (const lane of held) lane.close()
    await server.stop()
  }
}

function residentKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Asks a Node process that was started without any flag for it, over its inspector. */
async function collectGarbage(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  let address: string | undefined
  for (let attempt = 0; address === undefined && attempt < 50; attempt++) {
    await sleep(100)
    const targets = await fetch(inspector).then(
      response => response.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
      () => [],
    )
    address = targets[0]?.webSocketDebuggerUrl
  }
  if (address === undefined) throw new Error('the inspector of the service does not answer')
  const socket = new WebSocket(address)
  await new Promise(resolve => socket.addEventListener('open', resolve, { once: true }))
  for (let id = 1; id <= 2; id++) {
    const answered = new Promise(resolve => socket.addEventListener('message', resolve, { once: true }))
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
    await answered
  }
  socket.close()
}
