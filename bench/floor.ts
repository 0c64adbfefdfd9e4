// The least that Node can do, a process of its own: a bare `node:http` server that answers at once, logs in with
// the raw client, passes text to a TCP connection and back, or holds a request and such a connection; and a bare `ws`
// server that holds WebSockets with such a connection beside each, or passes on what both say (`socket-relay.ts`).
// What the service costs is compared with it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { SaltedPasswords } from '../test/support/scram.js'
import { rawLogin } from './raw-login.js'
import { relaySocket } from './socket-relay.js'

/** Where to log in, and where the TCP connections go. */
const serverPort = Number(process.env['SERVER_PORT'])

const remembered: SaltedPasswords = new Map()
const sessions = new Map<string, Socket>()
const relays = new Map<string, Relay>()
const held = new Set<{ response: ServerResponse; socket: Socket }>()
const pinged = new Map<WebSocket, Socket>()
let serial = 0

const pingMilliseconds = 30_000
/** Its multiples are spread evenly between whole numbers, however many there are. */
const goldenSection = 0.618_034

const server = createServer({ noDelay: true, keepAliveTimeout: 75_000 }, (request, response) => {
  const url = request.url!
  if (url === '/login') read(request, user => void logIn(user, response))
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
// As the service makes its own.
const webSockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: 1024 * 1024,
  maxFragments: 8,
  maxBufferedChunks: 4096,
  handleProtocols: () => 'xmpp',
})
server.on('upgrade', (request, socket, head) =>
  webSockets.handleUpgrade(request, socket, head, webSocket => {
    // Where a server's own endpoint is: clients log in through it as they do there.
    if (request.url === '/xmpp-websocket') relaySocket(webSocket, connectToServer())
    else keep(webSocket)
  }),
)
server.listen(Number(process.env['PORT']), '127.0.0.1')

/** A warm without BOSH: the user's name in, the name of the session out. */
async function logIn(user: string, response: ServerResponse): Promise<void> {
  const socket = await rawLogin(serverPort, user, remembered)
  const name = String(++serial)
  sessions.set(name, socket)
  answer(response, name)
}

function end(name: string, response: ServerResponse): void {
  sessions.get(name)?.removeAllListeners('close').end('</stream:stream>')
  sessions.delete(name)
  answer(response, '')
}

/** A BOSH session as far as HTTP and TCP see it. */
interface Relay {
  readonly waiting: ServerResponse[]
  readonly socket: Socket
}

/** One request is held until the next one comes or the server says something; what it carries goes to the server. */
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

/** Holds a WebSocket and a connection, and pings at the default of WEBSOCKET_PING_INTERVAL. */
function keep(webSocket: WebSocket): void {
  pinged.set(webSocket, connectToServer())
  const ping = () => webSocket.ping()
  let pinging: NodeJS.Timeout | undefined
  // Sessions come one after the other, and their pings do.
  const first = setTimeout(
    () => {
      ping()
      pinging = setInterval(ping, pingMilliseconds)
    },
    ((++serial * goldenSection) % 1) * pingMilliseconds,
  )
  webSocket.on('error', () => {})
  webSocket.on('close', () => {
    clearTimeout(first)
    clearInterval(pinging)
    pinged.get(webSocket)?.destroy()
    pinged.delete(webSocket)
  })
}

const connectToServer = () => connect(serverPort, '127.0.0.1').setNoDelay(true)

function read(request: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => done(chunks.join('')))
}

function answer(response: ServerResponse, body: string): void {
  response.writeHead(200, ['Content-Length', String(body.length)])
  response.end(body)
}

/** With the headers that a BOSH reply has. */
function answerXml(response: ServerResponse, body: string): void {
  response.writeHead(200, [
    ...['Content-Type', 'text/xml; charset=utf-8'],
    ...['Content-Length', String(Buffer.byteLength(body))],
    ...['Cache-Control', 'no-store', 'Access-Control-Allow-Origin', '*'],
  ])
  response.end(body)
}
