import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { streamFooter } from '../c2s/stream-header.js'
import { parseJid } from '../jid/jid.js'
import { bindNamespace, saslNamespace, sessionNamespace, streamsNamespace } from '../namespaces.js'
import { childrenOf, textOf } from '../xml/children.js'
import type { Element } from '../xml/element.js'
import { escapeXml } from '../xml/escape.js'
import { defaultLimits } from '../xml/limits.js'
import type { Root } from '../xml/root.js'
import { Splitter } from '../xml/splitter.js'
import { XmlError } from '../xml/xml-error.js'
import type { Delivery, Session } from './delivery.js'
import { type Move, mechanisms } from './sasl.js'
import { domain, errorReply, readAddress, readStanza, reply, type Stanza } from './stanza.js'

/** Longest element of a client that has not logged in, in bytes. */
const anonymousElementBytes = 16 * 1024
/** Logins that may fail on one stream (RFC 6120 §6.4.5). */
const mostFailures = 5
/** Most that may wait for a client that does not read, in bytes. */
const mostUnread = 16 * 1024 * 1024
/** How long a client has to hang up after the end of its stream, in milliseconds. */
const closeMilliseconds = 2_000

const whiteSpace = new Set(Buffer.from(' \t\r\n'))

/** One client's stream, from its header to its end (RFC 6120 §4). */
export class ClientStream {
  readonly #socket: Socket
  readonly #delivery: Delivery
  readonly #sasl: (element: Element) => Move
  #splitter: Splitter
  #restarts = false
  #isOpen = false
  #isOver = false
  #failures = 0
  #account: string | undefined
  #session: Session | undefined

  constructor(socket: Socket, sasl: (element: Element) => Move, delivery: Delivery) {
    this.#socket = socket
    this.#delivery = delivery
    this.#sasl = sasl
    this.#splitter = this.#split()
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // What matters about an error is the close that follows it.
    socket.on('error', () => {})
    socket.on('end', () => this.#leave())
    socket.on('close', () => this.#leave())
  }

  /** Ends the stream with an error (RFC 6120 §4.9.3). */
  end(condition: string): void {
    if (this.#isOver) return
    if (!this.#isOpen) this.#open()
    this.#close(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`)
  }

  #send(text: string): void {
    if (this.#isOver) return
    this.#socket.write(text)
    if (this.#socket.writableLength > mostUnread) this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#isOver) return
    let text = chunk
    if (this.#restarts) {
      // White space may still keep the old stream alive when a new one is about to begin (RFC 6120 §4.6.1).
      const start = chunk.findIndex(byte => !whiteSpace.has(byte))
      if (start === -1) return
      text = chunk.subarray(start)
      this.#splitter = this.#split()
      this.#restarts = false
    }
    try {
      this.#splitter.write(text)
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      this.end(error.fault)
    }
  }

  #split(): Splitter {
    return new Splitter(
      {
        onOpen: root => this.#receiveHeader(root),
        onElement: element => this.#receive(element),
        onClose: () => this.#close(''),
      },
      this.#account === undefined
        ? { ...defaultLimits, maxElementBytes: anonymousElementBytes }
        : defaultLimits,
    )
  }

  #open(): void {
    this.#isOpen = true
    const id = randomBytes(12).toString('base64url')
    this.#send(
      `<?xml version='1.0'?><stream:stream id='${id}' from='${domain}' version='1.0' xml:lang='en'` +
        ` xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`,
    )
  }

  #receiveHeader(root: Root): void {
    const to = root.attribute('to')
    this.#socket.cork()
    this.#open()
    const address = readAddress(to ?? '')
    if (root.name !== 'stream' || root.namespace !== streamsNamespace) this.end('invalid-namespace')
    else if ((root.attribute('xmlns') ?? 'jabber:client') !== 'jabber:client') this.end('invalid-namespace')
    else if (to === undefined) this.end('improper-addressing')
    else if (address?.domain !== domain || address.account !== undefined) this.end('host-unknown')
    else if (!/^1\.\d{1,5}$/.test(root.attribute('version') ?? '')) this.end('unsupported-version')
    else this.#send(`<stream:features>${this.#features()}</stream:features>`)
    this.#socket.uncork()
  }

  #features(): string {
    if (this.#account === undefined) return mechanisms
    return `<bind xmlns='${bindNamespace}'/><session xmlns='${sessionNamespace}'><optional/></session>`
  }

  #receive(element: Element): void {
    if (this.#isOver) return
    if (element.namespace === streamsNamespace && element.name === 'error') this.#close('')
    else if (this.#account === undefined) this.#authenticate(element)
    else this.#receiveStanza(element, this.#account)
  }

  #receiveStanza(element: Element, account: string): void {
    const stanza = element.namespace === 'jabber:client' ? readStanza(element) : undefined
    if (stanza === undefined) this.end('unsupported-stanza-type')
    else if (isBind(stanza)) this.#bind(stanza, account)
    else if (this.#session === undefined) this.end('not-authorized')
    else this.#delivery.receive(this.#session, stanza)
  }

  #authenticate(element: Element): void {
    if (element.namespace !== saslNamespace) {
      this.end('not-authorized')
      return
    }
    const { kind, text, account } = this.#sasl(element)
    this.#send(text)
    if (kind === 'failure') {
      if (++this.#failures >= mostFailures) this.end('policy-violation')
    } else if (kind === 'success') {
      this.#account = account
      // Whatever follows in the same read belongs to the old stream, where there is nothing more to say.
      this.#restarts = true
      this.#isOpen = false
    }
  }

  /** Resource binding (RFC 6120 §7.6, §7.7). */
  #bind(stanza: Stanza, account: string): void {
    const asked = childrenOf(childrenOf(stanza.text)[0]!.text).find(({ name }) => name === 'resource')
    const text = asked === undefined ? '' : textOf(asked.text)
    const resource =
      text === '' ? randomBytes(9).toString('base64url') : parseJid(`x@${domain}/${text}`)?.resource
    const bare = `${account}@${domain}`
    if (resource === undefined || this.#session !== undefined) {
      const condition = resource === undefined ? 'bad-request' : 'not-allowed'
      this.#send(errorReply(stanza, condition, domain, bare))
      return
    }
    const jid = `${bare}/${resource}`
    this.#session = {
      account,
      resource,
      jid,
      send: text => this.#send(text),
      end: condition => this.end(condition),
    }
    this.#delivery.bind(this.#session)
    const payload = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(jid)}</jid></bind>`
    this.#send(reply(stanza, 'result', payload, domain, jid))
  }

  /** Says the last word, closes the stream, and gives the client time to hang up first (RFC 6120 §4.4). */
  #close(lastWord: string): void {
    if (this.#isOver) return
    this.#socket.end(lastWord + streamFooter)
    this.#socket.setTimeout(closeMilliseconds, () => this.#socket.destroy())
    this.#leave()
  }

  #leave(): void {
    this.#isOver = true
    this.#splitter.stop()
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) this.#delivery.leave(session)
  }
}

function isBind({ name, type, text }: Stanza): boolean {
  if (name !== 'iq' || type !== 'set') return false
  const [child] = childrenOf(text)
  return child?.name === 'bind' && child.namespace === bindNamespace
}
