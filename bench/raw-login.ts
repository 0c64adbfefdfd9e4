// Logins directly at the XMPP server. No service in front of the server can be faster.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, connect as startTls } from 'node:tls'
import { demandsSession, textOf } from '../test/support/bosh-login.js'
import { type SaltedPasswords, ScramClient } from '../test/support/scram.js'
import { domain } from './work.js'

export const streamHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'

export class Conversation {
  #received = ''
  #awaited = ''
  #resolve: (text: string) => void = () => {}
  fail: (error: Error) => void = () => {}

  constructor(readonly send: (text: string) => void) {}

  ask(text: string, expected: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#received = ''
      this.#awaited = expected
      this.#resolve = resolve
      this.fail = reject
      this.send(text)
    })
  }

  read(text: string): void {
    this.#received += text
    if (/<failure|stream:error|<close|type='error'/.test(this.#received))
      this.fail(new Error(`refused: ${this.#received}`))
    else if (this.#received.includes(this.#awaited)) this.#resolve(this.#received)
  }
}

const iq = (id: string, payload: string) => `<iq xmlns='jabber:client' type='set' id='${id}'>${payload}</iq>`

export async function logIn(
  stream: Conversation,
  open: () => Promise<string>,
  login: { user: string; remembered: SaltedPasswords } | { plain: string },
): Promise<string> {
  await open()
  const auth = (mechanism: string, text: string) => `<auth xmlns='${sasl}' mechanism='${mechanism}'>${text}</auth>`
  if ('plain' in login) await stream.ask(auth('PLAIN', login.plain), '<success')
  else {
    const scram = new ScramClient(login.user, login.user, login.remembered)
    const challenge = await stream.ask(auth('SCRAM-SHA-1', scram.first), '</challenge>')
    const proof = await scram.final(textOf(challenge, 'challenge'))
    const success = await stream.ask(`<response xmlns='${sasl}'>${proof}</response>`, '</success>')
    scram.check(textOf(success, 'success'))
  }
  const features = await open()
  const bound = await stream.ask(iq('bind', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), '</iq>')
  if (demandsSession(features))
    await stream.ask(iq('session', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), '</iq>')
  return textOf(bound, 'jid')
}

export async function rawLogin(port: number, user: string, remembered: SaltedPasswords): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  const stream = conversationOver(socket)
  await logIn(stream, () => stream.ask(streamHeader, '</stream:features>'), { user, remembered })
  return released(socket)
}

export async function rawTlsLogin(
  user: string,
  { port, caFile, remembered }: { port: number; caFile: string; remembered: SaltedPasswords },
): Promise<Socket> {
  const plainSocket = connect(port, '127.0.0.1').setNoDelay(true)
  const plain = conversationOver(plainSocket)
  await plain.ask(streamHeader, '</stream:features>')
  await plain.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", '<proceed')
  const socket = await secure(released(plainSocket), caFile)
  const stream = conversationOver(socket)
  await logIn(stream, () => stream.ask(streamHeader, '</stream:features>'), { user, remembered })
  return released(socket)
}

function conversationOver(socket: Socket): Conversation {
  const stream = new Conversation(text => void socket.write(text))
  socket.on('data', chunk => stream.read(String(chunk)))
  socket.on('error', error => stream.fail(error))
  socket.on('close', () => stream.fail(new Error('connection closed during login')))
  return stream
}

const released = (socket: Socket) => socket.removeAllListeners('data').removeAllListeners('close')

let context: SecureContext | undefined

function secure(socket: Socket, caFile: string): Promise<Socket> {
  const secureContext = context ?? createSecureContext({ ca: readFileSync(caFile), minVersion: 'TLSv1.3' })
  context = secureContext
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
