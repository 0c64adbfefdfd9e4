// Opens sessions over WebSocket: warmed by the service and taken over, or logged in at the XMPP server's own endpoint;
// at the floor it is nothing but WebSockets.
import { demandsSession, textOf } from '../test/support/bosh-login.js'
import { type SaltedPasswords, ScramClient } from '../test/support/scram.js'
import { inParallel, warmed } from './sessions.js'
import { SocketLane } from './socket-lane.js'
import { domain, type Target } from './work.js'

/** A session that is logged in. */
export interface SocketSession {
  /** The full JID. */
  readonly jid: string
  readonly lane: SocketLane
}

const remembered: SaltedPasswords = new Map()
const atOnce = 10

const framing = 'urn:ietf:params:xml:ns:xmpp-framing'
const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
const open = `<open xmlns='${framing}' to='${domain}' version='1.0'/>`
export const close = `<close xmlns='${framing}'/>`

/** Opens sessions for the users; `failed` is called for one that ends by itself afterwards. */
export async function openSockets(
  target: Target,
  users: readonly string[],
  failed: (error: Error) => void,
): Promise<SocketSession[]> {
  const sessions: SocketSession[] = []
  if (target.kind === 'product') {
    const bindings = await warmed(target, users)
    await inParallel(atOnce, bindings, async ({ jid, websocket }) => {
      const route = { port: target.port, path: new URL(websocket!.url).pathname }
      const lane = await SocketLane.open(route, failed)
      const plain = Buffer.from(`\0${jid.split('@')[0]}\0${websocket!.token}`).toString('base64')
      sessions.push({
        lane,
        jid: await logIn(lane, `<auth xmlns='${sasl}' mechanism='PLAIN'>${plain}</auth>`),
      })
    })
  } else if (target.kind === 'floor') {
    await inParallel(atOnce, users, async jid => {
      sessions.push({ lane: await SocketLane.open({ port: target.port, path: '/' }, failed), jid })
    })
  } else {
    await inParallel(atOnce, users, async user => {
      const lane = await SocketLane.open({ port: target.port, path: '/xmpp-websocket' }, failed)
      const scram = new ScramClient(user, user, remembered)
      const auth = `<auth xmlns='${sasl}' mechanism='SCRAM-SHA-1'>${scram.first}</auth>`
      sessions.push({ lane, jid: await logIn(lane, auth, scram) })
    })
  }
  return sessions
}

/** Resolves with the full JID. */
async function logIn(lane: SocketLane, auth: string, scram?: ScramClient): Promise<string> {
  const say = conversation(lane)
  await say(open, 'features>')
  const answer = await say(auth, scram === undefined ? '<success' : '</challenge>')
  if (scram !== undefined) {
    const proof = await scram.final(textOf(answer, 'challenge'))
    scram.check(textOf(await say(`<response xmlns='${sasl}'>${proof}</response>`, '</success>'), 'success'))
  }
  const features = await say(open, 'features>')
  const bound = await say(iq('bind', "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"), '</iq>')
  if (demandsSession(features))
    await say(iq('session', "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"), '</iq>')
  return textOf(bound, 'jid')
}

const iq = (id: string, payload: string) => `<iq xmlns='jabber:client' type='set' id='${id}'>${payload}</iq>`

/** A function that sends a message and resolves with what came back, once it holds the expected text. */
function conversation(lane: SocketLane) {
  let received = ''
  let awaited = ''
  let resolve: (text: string) => void = () => {}
  let reject: (error: Error) => void = () => {}
  lane.heard = message => {
    received += message
    if (/<failure|stream:error|<close|type='error'/.test(message)) reject(new Error(`refused: ${message}`))
    else if (received.includes(awaited)) resolve(received)
  }
  return (message: string, expected: string) =>
    new Promise<string>((fulfil, fail) => {
      received = ''
      awaited = expected
      resolve = fulfil
      reject = fail
      lane.send(message)
    })
}
