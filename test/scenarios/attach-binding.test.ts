import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { BoshClient } from '../support/bosh-client.js'
import { callSessions } from '../support/sessions-api.js'
import { startTestService, type TestService, type WarmBinding } from '../support/start-service.js'

const account = { jid: 'alice@localhost', password: 'wonderland' }
const presence = "<presence xmlns='jabber:client'/>"
const empty = "<body xmlns='http://jabber.org/protocol/httpbind'/>"
const gone = "type='terminate' condition='item-not-found'"

let server: DemoServer
let service: TestService
const clients: BoshClient[] = []

beforeAll(async () => {
  server = await startDemoServer({ alice: account.password })
  service = await startTestService({ servers: `localhost=xmpp://127.0.0.1:${server.port}?tls=none` })
})

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

afterAll(async () => {
  await service.stop()
  await server.stop()
})

type Bound = WarmBinding & { cookie?: { name: string; value: string; attributes: string } }

const warm = async (attach_binding: string) => (await service.bind({ ...account, attach_binding })) as Bound

/** Sends the next request of a page, with these cookies. */
function pageOf({ sid, rid }: WarmBinding) {
  const client = new BoshClient(`${service.url}/http-bind`, { sid, rid })
  clients.push(client)
  return (cookies: string | undefined, inner = '', rid?: number) =>
    client.send(client.compose(inner, rid === undefined ? {} : { rid: String(rid) }), {
      headers: cookies === undefined ? {} : { Cookie: cookies },
    })
}

const cookieOf = (setCookie: string[] | undefined) => setCookie?.[0]?.split(';')[0]

test('attach_binding=cookie sets a cookie with the first response, and requires it once sent back', async () => {
  const binding = await warm('cookie')
  expect(binding).not.toHaveProperty('cookie')
  const [send, steal] = [pageOf(binding), pageOf(binding)]
  const first = await send('other=1', presence)
  expect(first.text).toBe(empty)
  const [setCookie] = first.headers['set-cookie']!
  expect(setCookie).toMatch(
    new RegExp(`^wb-${binding.id}=[\\w-]{32}; Path=/http-bind; HttpOnly; SameSite=Lax; Max-Age=\\d+$`),
  )
  const cookie = cookieOf(first.headers['set-cookie'])!
  expect((await send(`a=b; ${cookie}`)).text).toContain('<presence')
  for (const cookies of [undefined, `wb-${binding.id}=guessed`, `wb-${binding.id}=`]) {
    const stolen = await steal(cookies, presence, binding.rid + 2)
    expect(stolen.text).toContain(gone)
    expect(stolen.headers).not.toHaveProperty('set-cookie')
  }
  expect(
    (
      await send(
        cookie,
        "<iq xmlns='jabber:client' type='get' id='q' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
      )
    ).text,
  ).toContain("id='q'")
})

test('attach_binding=reply requires the cookie from the first request on', async () => {
  const binding = await warm('reply')
  const { name, value, attributes } = binding.cookie!
  expect(name).toBe(`wb-${binding.id}`)
  expect(attributes).toMatch(/^Path=\/http-bind; HttpOnly; SameSite=Lax; Max-Age=\d+$/)
  const [send, steal] = [pageOf(binding), pageOf(binding)]
  expect((await steal(undefined, presence)).text).toContain(gone)
  expect((await send(`${name}=${value}`, presence)).text).toContain('<presence')
  expect((await steal(undefined, '')).text).toContain(gone)
  expect((await callSessions(service.url, 'GET', `/${binding.id}`)).json.state).toBe('quiet')
  expect(service.lines.join('')).not.toContain(value)
})

test('attach_binding=reply in a form sets the cookie with the first response instead', async () => {
  const { text } = await service.warm({ ...account, attach_binding: 'reply' }, { as: 'form', accept: 'text/html' })
  const [sid, rid] = ['sid', 'rid'].map(name => new RegExp(`<dd class="${name}">([^<]*)<`).exec(text)![1]!)
  const send = pageOf({ sid, rid: Number(rid) } as unknown as WarmBinding)
  const first = await send(undefined, presence)
  expect(first.text).toBe(empty)
  expect(first.headers['set-cookie']).toHaveLength(1)
})
