// Thousands of connections that send one byte a second are closed in time, and do not affect other clients.
// Runs in npm run test:all only: half a minute with thousands of connections.
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mostDescriptors } from '../../src/lib/limits/descriptors.js'
import { collectGarbage } from '../support/collected.js'
import { Conversation, talkers } from '../support/conversation.js'
import { eventually, patience } from '../support/eventually.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { unlimited } from '../support/unlimited.js'

const program = fileURLToPath(new URL('../support/slow-senders.js', import.meta.url))

let here: TestService
let senders: ChildProcess | undefined

beforeAll(async () => {
  here = await startTestService({
    demo: [{ ...talkers, carol: 'secret' }],
    environment: { ...unlimited, MAX_CONNECTIONS_PER_ADDRESS: '0', LOG_LEVEL: 'info' },
  })
})

afterAll(async () => {
  senders?.kill('SIGKILL')
  await here.stop()
})

test('connections that send one byte a second are closed, and do not affect other clients', async () => {
  const wanted = Math.min(5_000, Math.floor(mostDescriptors() / 2) - 200)
  const conversation = await Conversation.begin(here)
  const heapBefore = heapUsed()
  let open = 0
  let most = 0
  senders = spawn(process.execPath, [program, new URL(here.url).port, String(wanted)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  senders.stdout!.setEncoding('utf8').on('data', (text: string) => {
    open = Number(text.trim().split('\n').at(-1))
    most = Math.max(most, open)
  })
  await eventually('all connections are open', () => most === wanted)
  const isClosed = () => open === 0
  const warms: number[] = []
  for (const until = performance.now() + patience; !isClosed() && performance.now() < until; ) {
    await conversation.goesOn(10)
    await pause(100)
    const { status, json } = await here.warm({ jid: 'carol@localhost', password: 'secret' })
    warms.push(status)
    expect((await callSessions(here.url, 'DELETE', `/${json['id']}`)).status).toBe(204)
  }
  expect(open).toBe(0)
  expect(new Set(warms)).toEqual(new Set([200]))
  // If anything of them were kept, it would be far more: each had a socket, a parser and a timer.
  expect(heapUsed() - heapBefore).toBeLessThan(20 * 1024 * 1024)
  await conversation.end()
  expect(here.service.counts().sessions).toBe(0)
})

/** In bytes, after a collection. */
function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
