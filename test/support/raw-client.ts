// An XMPP client over TCP that sends any text, valid or not, and waits for expected text.
import { connect } from 'node:net'
import { ScramClient } from './scram.js'
import { TextSocket } from './text-socket.js'

export const header = (to = 'localhost') =>
  `<?xml version='1.0'?><stream:stream to='${to}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

const sasl = `xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`

export class RawClient extends TextSocket {
  /** Full JID, once bound. */
  jid = ''

  constructor(port: number) {
    super(connect({ host: '127.0.0.1', port }))
  }

  /** Opens a stream to `localhost`. */
  static async open(port: number): Promise<RawClient> {
    const client = new RawClient(port)
    await client.restart()
    return client
  }

  /** Opens the stream, or opens it again. */
  async restart(): Promise<void> {
    await this.send(header()).until('</stream:features>')
  }

  /** Resolves with text that nobody has asked for, after the answers to all that was sent. */
  async unexpected(): Promise<string> {
    const id = `fence-${Math.random()}`
    this.send(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
    const text = await this.until(new RegExp(`<iq type='result' id='${id}'[^>]*></iq>`))
    return text.slice(0, text.lastIndexOf('<iq '))
  }

  /** Returns `<success/>` or `<failure/>`. */
  async authenticate(user: string, password: string, authzid = ''): Promise<string> {
    const scram = new ScramClient(user, password, undefined, authzid)
    this.send(`<auth ${sasl} mechanism='SCRAM-SHA-1'>${scram.first}</auth>`)
    const challenge = />([^<]*)<\/challenge>/.exec(await this.until('</challenge>'))![1]!
    this.send(`<response ${sasl}>${await scram.final(challenge)}</response>`)
    const answer = await this.until(/<\/(success|failure)>/)
    const success = /<success[^>]*>([^<]*)</.exec(answer)?.[1]
    if (success !== undefined) scram.check(success)
    return answer
  }

  /** Logs in and binds. */
  async login(user: string, resource = '', password = 'demo'): Promise<this> {
    await this.restart()
    const answer = await this.authenticate(user, password)
    if (!answer.includes('<success')) throw new Error(answer)
    await this.bind(resource)
    return this
  }

  /** Continues after an authentication. Resolves with the full JID. */
  async bind(resource = ''): Promise<string> {
    await this.restart()
    const asked = resource === '' ? '' : `<resource>${resource}</resource>`
    this.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${asked}</bind></iq>`)
    this.jid = /<jid>([^<]+)<\/jid>/.exec(await this.until('</iq>'))![1]!
    return this.jid
  }

  /** Sends presence, and removes the answer. */
  async appear(priority = 0): Promise<this> {
    this.send(`<presence><priority>${priority}</priority></presence>`)
    await this.until(`from='${this.jid}' to='${this.jid}'><priority>${priority}</priority></presence>`)
    return this
  }
}
