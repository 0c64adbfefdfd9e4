import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import { pipeBody } from '../../../src/http/bodies/pipe-body.js'
import { install } from '../../../src/http/fast/install.js'
import { eventually } from '../../support/eventually.js'
import { HttpSocket, post } from '../../support/http-socket.js'
import { Listener } from '../../support/listener.js'

let listener: Listener
let client: HttpSocket
let calls: string[] = []

afterEach(() => {
  calls = []
  client.socket.destroy()
  return listener.stop()
})

/** Notes what becomes of the body, and replies with it. */
const pipe: RequestListener = (req, res) => {
  const name = req.headers['x-name']
  const tell = (what: string) => void calls.push(name === undefined ? what : `${name} ${what}`)
  let body = ''
  pipeBody(req, res, {
    onData(chunk) {
      tell('data')
      body += chunk.toString()
    },
    onEnd() {
      tell(`end ${body}`)
      if (name !== 'held' && !res.headersSent) res.end(body)
    },
    onGone: () => tell('gone'),
  })
}

const kinds = [
  ['ours', (answer: RequestListener) => createServer(install(true), answer)],
  ['Node’s own', (answer: RequestListener) => createServer(answer)],
] as const

async function start(server: Server): Promise<void> {
  listener = await Listener.start(server)
  client = new HttpSocket(listener.port)
}

const hasCall = (what: string) => eventually(what, () => calls.includes(what))

describe.each(kinds)('the body of a request, %s,', (_kind, create) => {
  test.each([
    ['in many pieces', 'Content-Length: 10', ['<bo', 'dy', '> é', '/']],
    ['in chunks', 'Transfer-Encoding: chunked', ['3\r\n<bo\r\n2\r\nd', 'y\r\n5\r\n> é/\r\n', '0\r\n\r\n']],
  ])('is whole if it arrives %s', async (_how, header, pieces) => {
    await start(create(pipe))
    client.send(`POST / HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`)
    for (const piece of pieces) {
      const before = calls.length
      client.send(piece)
      await eventually('the piece has come', () => calls.length > before)
    }
    expect((await client.reply()).body).toBe('<body> é/')
    expect(calls.at(-1)).toBe('end <body> é/')
    expect((await client.send(post('next')).reply()).body).toBe('next')
  })

  test('is separate for each of several requests in one packet, also if it is empty', async () => {
    await start(create(pipe))
    client.send(`${post('one')}POST / HTTP/1.1\r\nHost: a\r\n\r\n${post('')}${post('four')}`)
    for (const body of ['one', '', '', 'four']) expect((await client.reply()).body).toBe(body)
    expect(calls.filter(line => line !== 'data').sort()).toEqual(['end ', 'end ', 'end four', 'end one'])
  })

  test('is requested with 100 Continue if the client waits for it', async () => {
    await start(create(pipe))
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n')
    expect((await client.reply()).head).toMatch(/^HTTP\/1\.1 100 /)
    expect((await client.send('<body/>').reply()).body).toBe('<body/>')
  })

  test('that is answered before it is complete does not disturb the next request', async () => {
    await start(
      create((req, res) => {
        pipe(req, res)
        if (req.headers['x-name'] === 'early') res.end('early')
      }),
    )
    client.send('POST / HTTP/1.1\r\nHost: a\r\nX-Name: early\r\nContent-Length: 6\r\n\r\nabc')
    expect((await client.reply()).body).toBe('early')
    client.send(`def${post('next')}`)
    expect((await client.reply()).body).toBe('next')
  })
})

const ways = [
  ['resets the connection', (socket: Socket) => socket.resetAndDestroy()],
  ['closes it', (socket: Socket) => socket.destroy()],
  ['half-closes it', (socket: Socket) => socket.end()],
] as const

describe.each(kinds)('a client that disconnects during a request, %s,', (_kind, create) => {
  test.each(ways)('in the middle of a body, and %s, is reported once', async (_how, leave) => {
    await start(create(pipe))
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
    await hasCall('data')
    leave(client.socket)
    await hasCall('gone')
    await client.rest()
    expect(calls).toEqual(['data', 'gone'])
  })

  test.each(ways)('while it waits for a reply, and %s, is reported once for each request', async (_how, leave) => {
    await start(create(pipe))
    client.send(post('', 'X-Name: held') + post('', 'X-Name: held') + post('', 'X-Name: last'))
    await hasCall('last end ')
    leave(client.socket)
    // The last reply waits for its turn.
    await hasCall('last gone')
    expect(calls.sort()).toEqual(['held end ', 'held end ', 'held gone', 'held gone', 'last end ', 'last gone'].sort())
  })

  test('after its reply is not reported', async () => {
    await start(create(pipe))
    await client.send(post('x')).reply()
    const other = new HttpSocket(listener.port)
    await other.send(post('y')).reply()
    other.socket.destroy()
    await eventually('its connection is closed', () => listener.open === 1)
    expect(calls).toEqual(['data', 'end x', 'data', 'end y'])
  })
})

/** Pipes the body after a delay, as behind a slow middleware, when the stream has `held` bytes. */
const later: RequestListener = (req, res) => {
  const held = Number(req.headers['x-held'])
  void eventually('the stream has it', () => req.readableLength === held || req.complete).then(() => pipe(req, res))
}

describe.each(kinds)('the body of a request, %s, that was partly read before', (_kind, create) => {
  test.each([
    ['in part', 3, 'abc', 'def'],
    ['as a whole', 6, 'abcdef', ''],
  ])('into the stream %s, is complete', async (_what, held, before, after) => {
    await start(create(later))
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nX-Held: ${held}\r\nContent-Length: 6\r\n\r\n${before}`)
    await hasCall('data')
    client.send(after)
    expect((await client.reply()).body).toBe('abcdef')
    expect((await client.send(post('next', 'X-Held: 4')).reply()).body).toBe('next')
  })

  test('by another listener is delivered to both', async () => {
    const heard: Buffer[] = []
    await start(
      create((req, res) => {
        req.on('data', chunk => heard.push(chunk))
        pipe(req, res)
      }),
    )
    expect((await client.send(post('<body/>')).reply()).body).toBe('<body/>')
    expect(heard.join('')).toBe('<body/>')
  })
})

test('a request of Express with our prototype is read like our own', async () => {
  const app = express()
  install(true, app)
  app.use((req, res) => pipe(req, res))
  await start(createServer(app))
  expect((await client.send(post('<body/>')).reply()).body).toBe('<body/>')
  expect(calls).toEqual(['data', 'end <body/>'])
})
