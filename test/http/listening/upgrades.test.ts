import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { eventually, steady } from '../../support/eventually.js'
import { FakeClock } from '../../support/fake-clock.js'
import { HttpSocket } from '../../support/http-socket.js'
import { listenInTest } from './listening-stage.js'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n'
const largerThanBuffers = Buffer.alloc(64 * 2 ** 20, 'x')
const clock = new FakeClock()

test.each(['foo', 'websocket'])(
  'a client that does not read a reply and sends an upgrade to %s is closed after a minute',
  async protocol => {
    const answer = (_req: unknown, res: { end(body: Buffer): void }) => void res.end(largerThanBuffers)
    const { listening, port } = await listenInTest(answer, { clock })
    const client = connect(port, '127.0.0.1').pause()
    client.on('error', () => {}).write(`${get}\r\n${get}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
    await once(client, 'connect')
    await steady('what is unread', () => listening.unreadBytes)
    clock.advance(70_000)
    await eventually('the connection is closed', () => listening.connections === 0)
    client.destroy()
  },
)

test('an upgrade behind a request is answered after its reply, although the client sends no more', async () => {
  let first: { socket: Socket; end(body: string): void } | undefined
  const { port } = await listenInTest(({ socket }: { socket: Socket }, res: { end(body: string): void }) => {
    first = { socket, end: body => void res.end(body) }
  })
  const client = new HttpSocket(port).send(`${get}\r\n${get}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`)
  client.socket.end()
  await eventually('the end of the requests has come', () => first?.socket.readableEnded === true)
  first!.end('first')
  expect(await client.rest()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*firstHTTP\/1\.1 400 Bad Request\r\n.*without "Upgrade"/s)
})
