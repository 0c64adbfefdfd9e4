// This server does the least possible work, for comparison with the service.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { header, RawClient } from '../test/support/raw-client.js'
import type { SaltedPasswords } from '../test/support/scram.js'
import { logIn } from '../test/support/stream-login.js'

const serverPort = Number(process.env['SERVER_PORT'])

const remembered: SaltedPasswords = new Map()
const sessions = new Map<string, RawClient>()
const relays = new Map<string, Relay>()
const held = new Set<{ response: ServerResponse; socket: Socket }>()
let serial = 0

const server = createServer({ noDelay: true, keepAliveTimeout: 75_000 }, (request, response) => {
  const url = request.url!
  if (url === '/login') read(request, user => void openSession(user, response))
  else if (url === '/end') read(request, name => end(name, response))
  else if (url.startsWith('/relay')) read(request, text => relay(url, text, response))
  else if (url === '/hold') {
    request.resume()
    held.add({ response, socket: connectToServer() })
  } else {
    request.resume()
    answer(response, '')
  }
})
const webSockets = new WebSocketServer({
  ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
  ...{ maxPayload: 1024 * 1024, maxFragments: 8, maxBufferedChunks: 4096 },
  handleProtocols: () => 'xmpp',
})
server.on('upgrade', (request, socket, head) =>
  webSockets.handleUpgrade(request, socket, head, webSocket => relayWebSocket(webSocket, connectToServer())),
)
server.listen({ port: Number(process.env['PORT']), host: process.env['HOST'], backlog: 4096 })

async function openSession(user: string, response: ServerResponse): Promise<void> {
  const name = String(++serial)
  const client = new RawClient(serverPort)
  await logIn(client, { user, password: user, remembered })
  sessions.set(name, client)
  answer(response, name)
}

function end(name: string, response: ServerResponse): void {
  sessions.get(name)?.end('</stream:stream>')
  sessions.delete(name)
  answer(response, '')
}

interface Relay {
  readonly waiting: ServerResponse[]
  readonly socket: Socket
}

function relay(name: string, text: string, response: ServerResponse): void {
  const { waiting, socket } = relays.get(name) ?? openRelay(name)
  waiting.push(response)
  if (waiting.length > 1) answerXml(waiting.shift()!, "<body xmlns='http://jabber.org/protocol/httpbind'/>")
  if (text.includes('<message')) socket.write(text)
}

function openRelay(name: string): Relay {
  const opened: Relay = { waiting: [], socket: connectToServer() }
  opened.socket.on('data', chunk => {
    const response = opened.waiting.shift()
    if (response !== undefined) answerXml(response, chunk.toString())
  })
  relays.set(name, opened)
  return opened
}

const openFrame = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' version='1.0'/>`
const asText = { binary: false }

/** Translates the start and end of a stream (RFC 7395 §3.4, §3.6). The server's header must arrive in one chunk. */
function relayWebSocket(webSocket: WebSocket, socket: Socket): void {
  webSocket.on('message', (message: Buffer) => {
    const name = message.toString('latin1', 1, 6)
    if (name === 'open ') socket.write(header())
    else if (name === 'close') socket.write('</stream:stream>')
    else socket.write(message)
  })
  socket.on('data', chunk => {
    if (chunk.toString('latin1', 0, 5) !== '<?xml') {
      webSocket.send(chunk, asText)
      return
    }
    webSocket.send(openFrame)
    const rest = chunk.subarray(chunk.indexOf('>', chunk.indexOf('<stream:stream')) + 1)
    if (rest.length > 0) webSocket.send(rest, asText)
  })
  socket.on('error', () => {})
  socket.on('close', () => webSocket.close())
  webSocket.on('error', () => {})
  webSocket.on('close', () => socket.destroy())
}

const connectToServer = () => connect(serverPort, '127.0.0.1').setNoDelay(true)

function read(request: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => done(chunks.join('')))
}

function answer(response: ServerResponse, body: string, headers: readonly string[] = []): void {
  response.writeHead(200, [...headers, 'Content-Length', String(Buffer.byteLength(body))])
  response.end(body)
}

const xml = ['Content-Type', 'text/xml; charset=utf-8', 'Cache-Control', 'no-store', 'Access-Control-Allow-Origin', '*']
const answerXml = (response: ServerResponse, body: string) => answer(response, body, xml)
