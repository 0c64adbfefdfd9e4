// The stub runs in several processes, because descriptors are limited. SIGUSR2 breaks all streams.
import cluster from 'node:cluster'
import { createServer, type Socket } from 'node:net'
import { header } from '../test/support/raw-client.js'
import { domain } from './work.js'

const count = Number(process.env['STUB_PROCESSES'])

const ownHeader = header(domain).replace(' to=', " id='1' from=")
const features = (content: string) => `${ownHeader}<stream:features>${content}</stream:features>`
const mechanisms = features(
  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
)
const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'"
let serial = 0

/** A minimal XMPP server with PLAIN and bind, which returns each stanza. */
class StubStream {
  #user = ''
  isBound = false

  constructor(readonly say: (text: string) => void) {}

  read(text: string): void {
    if (this.isBound) this.say(text)
    else if (text.includes('<stream:stream')) this.say(this.#user === '' ? mechanisms : features(`${bind}/>`))
    const auth = /<auth [^>]*>([^<]+)</.exec(text)?.[1]
    if (auth !== undefined) {
      this.#user = Buffer.from(auth, 'base64').toString().split('\0')[1]!
      this.say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    }
    const id = /<iq [^>]*id=["']([^"']+)["'][^>]*><bind/.exec(text)?.[1]
    if (this.isBound || id === undefined) return
    this.isBound = true
    const jid = `${this.#user}@${domain}/${process.pid}-${++serial}`
    this.say(`<iq type='result' id='${id}'>${bind}><jid>${jid}</jid></bind></iq>`)
  }
}

if (cluster.isPrimary) {
  const workers = Array.from({ length: count }, () => cluster.fork())
  process.on('SIGUSR2', () => {
    for (const { process: worker } of workers) worker.kill('SIGUSR2')
  })
  cluster.once('listening', (_, { port }) => process.send?.(port))
} else {
  serve()
}
process.on('disconnect', () => process.exit())

function serve(): void {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    const stream = new StubStream(text => socket.write(text))
    socket.on('data', chunk => (stream.isBound ? socket.write(chunk) : stream.read(chunk.toString())))
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  process.on('SIGUSR2', () => {
    for (const socket of sockets) socket.destroy()
  })
}
