// An XMPP client over TCP that sends any text, valid or not, and waits for expected text.
import { connect, type Socket } from 'node:net'
import { ScramClient } from './scram.js'
import { bind, type ClientStream, logIn, scramExchange } from './stream-login.js'
import { TextSocket } from './text-socket.js'

export const header = (to = 'localhost') =>
  `<?xml version='1.0'?><stream:stream to='${to}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

export class RawClient extends TextSocket implements ClientStream {
  jid = ''

  constructor(to: number | Socket) {
    super(typeof to === 'number' ? connect({ host: '127.0.0.1', port: to }) : to)
  }

  static async open(port: number): Promise<RawClient> {
    const client = new RawClient(port)
    await client.open()
    return client
  }

  /** Opens the stream, or opens it again. Resolves with its features. */
  open(): Promise<string> {
    return this.ask(header(), /<\/stream:features>/)
  }

  readonly ask = (text: string, expected: RegExp): Promise<string> => this.send(text).until(expected)

  /** Resolves with text that nobody has asked for, after the answers to all that was sent. */
  async unexpected(): Promise<string> {
    const id = `fence-${Math.random()}`
    this.send(`<iq type='get' id='${id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
    const text = await this.until(new RegExp(`<iq type='result' id='${id}'[^>]*></iq>`))
    return text.slice(0, text.lastIndexOf('<iq '))
  }

  /** Returns `<success/>` or `<failure/>`. */
  authenticate(user: string, password: string, authzid = ''): Promise<string> {
    return scramExchange(this, new ScramClient(user, password, undefined, authzid))
  }

  async login(user: string, resource = '', password = 'demo'): Promise<this> {
    this.jid = await logIn(this, { user, password, resource })
    return this
  }

  /** Continues after an authentication. Resolves with the full JID. */
  async bind(resource = ''): Promise<string> {
    await this.open()
    this.jid = await bind(this, resource)
    return this.jid
  }

  /** Sends presence, and removes the answer. */
  async appear(priority = 0): Promise<this> {
    this.send(`<presence><priority>${priority}</priority></presence>`)
    await this.until(`from='${this.jid}' to='${this.jid}'><priority>${priority}</priority></presence>`)
    return this
  }
}
