// A server sends more to many sessions than there is memory for, while no page fetches any of it.
// Runs in npm run test:all only: it fills the memory of a service.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { BoshClient } from '../support/bosh-client.js'
import { eventually } from '../support/eventually.js'
import { type LoginServer, startLoginServer } from '../support/login-server/server.js'
import { type OperatedService, Operator, usualSettings } from '../support/operated-service.js'
import { callSessions } from '../support/sessions-api.js'
import { unlimited } from '../support/unlimited.js'

/** So many sessions, with two bytes of memory for each character, do not fit into the heap. */
const sessions = 40
const heapMebibytes = 128
const long = `Ā${'a'.repeat(1_000_000)}`

const operator = new Operator()

let hostile: LoginServer
let honest: LoginServer
let service: OperatedService
let url: string

beforeAll(async () => {
  hostile = await startLoginServer({ domain: 'hostile.example' })
  honest = await startLoginServer({ domain: 'honest.example' })
  const serverOf = ({ domain, port }: LoginServer) => `${domain}=xmpp://127.0.0.1:${port}?tls=none`
  service = operator.start({
    ...unlimited,
    ...usualSettings,
    XMPP_DOMAINS: 'hostile.example,honest.example',
    XMPP_SERVERS: `${serverOf(hostile)},${serverOf(honest)}`,
    NODE_OPTIONS: `--max-old-space-size=${heapMebibytes}`,
  })
  url = await service.url()
})

afterAll(async () => {
  operator.leave()
  await hostile.stop()
  await honest.stop()
})

async function warm(domain: string): Promise<{ sid: string; rid: number }> {
  const { status, json } = await callSessions(url, 'POST', '', {
    body: { jid: `alice@${domain}`, password: 'Pa55-of-alice' },
  })
  expect(status).toBe(200)
  return json
}

test('a server that fills the memory loses its own sessions, and other sessions continue', async () => {
  const page = new BoshClient(`${url}/http-bind`, await warm('honest.example'))
  for (let warmed = 0; warmed < sessions; warmed++) await warm('hostile.example')
  for (const connection of hostile.connections) {
    connection.say(`<message><body>${long}</body></message><message><body>${long}</body></message>`)
    connection.say(`<message><body>${long}`)
  }
  await eventually('sessions are ended', () =>
    service.lines.some(({ msg, limit }) => msg === 'a limit was reached' && limit === 'waiting'),
  )
  const told = service.lines.find(({ limit }) => limit === 'waiting')
  expect(told).toMatchObject({ setting: 'MAX_MEMORY_MB', domain: 'hostile.example' })

  const answer = page.request("<presence xmlns='jabber:client'/>")
  honest.last.say('<message><body>hello</body></message>')
  expect(await answer).toContain('<body>hello</body>')
  await eventually('many are ended', () => hostile.open < sessions / 2)
  await warm('hostile.example')
  page.close()
  service.signal('SIGINT')
  expect(await service.exit).toBe(0)
})
