// Clients that send `Expect: 100-continue` and wait before they send the body, as curl does with a long body.
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { HttpSocket } from '../support/http-socket.js'
import { jsonHeaders } from '../support/login-server/watched-service.js'
import { startTestService, type TestService } from '../support/start-service.js'

const body = JSON.stringify({ jid: 'alice@localhost', password: 'wonderland' })

let service: TestService
let client: HttpSocket

beforeAll(async () => {
  service = await startTestService({ demo: [{ alice: 'wonderland' }] })
})

afterEach(() => {
  client.socket.destroy()
})

afterAll(() => service.stop())

/** Sends only the header of a call, and resolves with the head of the response. */
async function ask(path: string, length: number): Promise<string> {
  client = new HttpSocket(Number(new URL(service.url).port))
  const headers = { ...jsonHeaders, Host: 'localhost', Expect: '100-continue', 'Content-Length': length }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  client.send([`POST ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
  return (await client.reply()).head
}

test('a client that sends Expect: 100-continue gets 100, then the response to its body', async () => {
  expect(await ask('/warm', body.length)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  expect((await client.send(body).reply()).head).toMatch(/^HTTP\/1\.1 200 /)
  expect(await ask('/http-bind', 10)).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  expect((await client.send('0123456789').reply()).body).toContain('bad-request')
})

test('a request pipelined after a body that is too large is not processed', async () => {
  client = new HttpSocket(Number(new URL(service.url).port))
  const creation = "<body to='localhost' rid='1' xmlns='http://jabber.org/protocol/httpbind'/>"
  const post = (text: string) => `POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  client.send(post('x'.repeat(600_000)) + post(creation))
  expect((await client.reply()).head).toMatch(/^HTTP\/1\.1 413 /)
  expect(await client.rest()).toBe('')
  expect(service.lines.filter(line => line.includes('"kind":"browser"'))).toEqual([])
})
