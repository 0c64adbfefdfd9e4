// A login over a bare XMPP stream, without TLS and without BOSH: the limit for what anything in front can reach.
import { connect, type Socket } from 'node:net'
import { demandsSession, textOf } from '../test/support/bosh-login.js'
import { type SaltedPasswords, ScramClient } from '../test/support/scram.js'
import { domain } from './work.js'

/** Opens a stream, or restarts it. */
export const streamHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** Logs in and binds a resource; the socket is the session. Rejects on a refusal or a lost connection. */
export async function rawLogin(port: number, user: string, remembered: SaltedPasswords): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('utf8')
  const say = conversation(socket)
  const scram = new ScramClient(user, user, remembered)
  await say(streamHeader, '</stream:features>')
  const challenge = await say(
    `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`,
    '</challenge>',
  )
  const proof = await scram.final(textOf(challenge, 'challenge'))
  scram.check(textOf(await say(`<response xmlns='${sasl}'>${proof}</response>`, '</success>'), 'success'))
  const features = await say(streamHeader, '</stream:features>')
  await say(iq('bind', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), '</iq>')
  if (demandsSession(features)) {
    await say(iq('session', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), '</iq>')
  }
  return socket
}

const iq = (id: string, payload: string) => `<iq type='set' id='${id}'>${payload}</iq>`

/** A function that writes a text and resolves with what came back, once it holds the expected text. */
function conversation(socket: Socket) {
  let received = ''
  let awaited = ''
  let resolve: (text: string) => void = () => {}
  let reject: (error: Error) => void = () => {}
  socket.on('data', (chunk: unknown) => {
    received += String(chunk)
    if (/<failure|<stream:error|type='error'/.test(received)) reject(new Error(`refused: ${received}`))
    else if (received.includes(awaited)) resolve(received)
  })
  socket.on('error', error => reject(error))
  socket.on('close', () => reject(new Error('connection closed during login')))
  return (text: string, expected: string) =>
    new Promise<string>((fulfil, fail) => {
      received = ''
      awaited = expected
      resolve = fulfil
      reject = fail
      socket.write(text)
    })
}
