// The bare login of `raw-login.ts` over STARTTLS and TLS 1.3, plain or nudged: with one space a millisecond after
// each stream header, while nothing of the answer has come. Without it the server's session tickets and its
// features meet Nagle's algorithm and our delayed acknowledgement.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, connect as startTls } from 'node:tls'
import { demandsSession, textOf } from '../test/support/bosh-login.js'
import { type SaltedPasswords, ScramClient } from '../test/support/scram.js'
import { domain } from './work.js'

export interface RawTlsOptions {
  readonly port: number
  /** PEM file with the certificate to trust. */
  readonly caFile: string
  readonly nudged: boolean
  readonly remembered: SaltedPasswords
}

const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const nudgeMilliseconds = 1

/** Costly to make and the same for every login, as in the service. */
const contexts = new Map<string, SecureContext>()

/** Logs in and binds a resource; the socket is the session. Rejects on a refusal or a lost connection. */
export async function rawTlsLogin(user: string, options: RawTlsOptions): Promise<Socket> {
  const { port, caFile, nudged, remembered } = options
  const plain = new Stream(connect(port, '127.0.0.1').setNoDelay(true))
  await plain.say(header, '</stream:features>')
  await plain.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", '<proceed')
  const stream = new Stream(await secure(plain.detach(), caFile))
  const open = () => {
    const features = stream.say(header, '</stream:features>')
    if (nudged) setTimeout(() => stream.nudge(), nudgeMilliseconds)
    return features
  }
  const scram = new ScramClient(user, user, remembered)
  await open()
  const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`
  const proof = await scram.final(textOf(await stream.say(auth, '</challenge>'), 'challenge'))
  const success = await stream.say(`<response xmlns='${sasl}'>${proof}</response>`, '</success>')
  scram.check(textOf(success, 'success'))
  const features = await open()
  await stream.say(iq('bind', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), '</iq>')
  if (demandsSession(features)) {
    await stream.say(iq('session', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), '</iq>')
  }
  return stream.detach()
}

const iq = (id: string, payload: string) => `<iq type='set' id='${id}'>${payload}</iq>`

/** Resolves once the handshake is done and the certificate is found good. */
function secure(socket: Socket, caFile: string): Promise<Socket> {
  let secureContext = contexts.get(caFile)
  if (secureContext === undefined) {
    secureContext = createSecureContext({ ca: readFileSync(caFile), minVersion: 'TLSv1.3' })
    contexts.set(caFile, secureContext)
  }
  return new Promise((resolve, reject) => {
    const secured = startTls({ socket, secureContext, servername: domain })
    secured.setNoDelay(true)
    secured.once('error', reject)
    secured.once('secureConnect', () => {
      secured.off('error', reject)
      resolve(secured)
    })
  })
}

/** One side of a conversation: a text goes out, and what comes back is read until it holds what is expected. */
class Stream {
  readonly #socket: Socket
  #received = ''
  #awaited = ''
  #resolve: (text: string) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString()))
    socket.on('error', error => this.#reject(error))
    socket.on('close', () => this.#reject(new Error('connection closed during login')))
  }

  say(text: string, expected: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#received = ''
      this.#awaited = expected
      this.#resolve = resolve
      this.#reject = reject
      this.#socket.write(text)
    })
  }

  /** Makes our side acknowledge what came, if nothing is to be read yet. */
  nudge(): void {
    if (this.#received === '' && this.#awaited === '</stream:features>') this.#socket.write(' ')
  }

  /** Gives the socket away. */
  detach(): Socket {
    for (const event of ['data', 'close', 'error']) this.#socket.removeAllListeners(event)
    return this.#socket
  }

  #read(text: string): void {
    this.#received += text
    if (/<failure|<stream:error|type='error'/.test(this.#received)) {
      this.#reject(new Error(`refused: ${this.#received}`))
    } else if (this.#received.includes(this.#awaited)) {
      this.#resolve(this.#received)
    }
  }
}
