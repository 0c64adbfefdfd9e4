import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { WaitingMemory } from '../../lib/limits/waiting-memory.js'
import { readHeader, streamFooter } from '../../servers/c2s/stream-header.js'
import { StreamReader } from '../../servers/c2s/stream-reader.js'
import { parseJid } from '../../xmpp/jid/jid.js'
import { bindNamespace, saslNamespace, sessionNamespace, streamsNamespace } from '../../xmpp/namespaces.js'
import { writeStreamError } from '../../xmpp/stream-errors.js'
import { childrenOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import type { Root } from '../../xmpp/xml/root.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { type Move, mechanisms } from './sasl.js'
import { domain, errorReply, readStanza, reply, type Stanza } from './stanza.js'
import type { Delivery, Session } from './stanza-delivery.js'

const features = `<bind xmlns='${bindNamespace}'/><session xmlns='${sessionNamespace}'><optional/></session>`

/** RFC 6120 §4. */
export class ClientStream {
  readonly #socket: Socket
  readonly #sasl: (element: Element) => Move
  readonly #delivery: Delivery
  readonly #reader: StreamReader
  #isOpen = false
  #isOver = false
  #account: string | undefined
  #session: Session | undefined

  constructor(socket: Socket, sasl: (element: Element) => Move, delivery: Delivery) {
    this.#socket = socket
    this.#sasl = sasl
    this.#delivery = delivery
    const onOpen = (root: Root) => this.#receiveHeader(root)
    const onElement = (element: Element) => this.#receive(element)
    this.#reader = new StreamReader({ onOpen, onElement, onClose: () => this.#close('') }, new WaitingMemory())
    this.#reader.begin()
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('end', () => this.#leave())
    socket.on('close', () => this.#leave())
  }

  /** RFC 6120 §4.9.3. */
  readonly end = (condition: string): void => {
    if (this.#isOver) return
    if (!this.#isOpen) this.#open()
    this.#close(writeStreamError(condition))
  }

  readonly send = (text: string): void => {
    if (!this.#isOver) this.#socket.write(text)
  }

  #read(chunk: Buffer): void {
    if (this.#isOver) return
    try {
      this.#reader.write(chunk)
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      this.end(error.fault)
    }
  }

  #open(): void {
    this.#isOpen = true
    const id = randomBytes(12).toString('base64url')
    this.send(
      `<?xml version='1.0'?><stream:stream id='${id}' from='${domain}' version='1.0' xml:lang='en'` +
        ` xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`,
    )
  }

  #receiveHeader(root: Root): void {
    this.#open()
    const header = readHeader(root)
    if (typeof header === 'string') this.end(header)
    else if (root.attribute('to') !== domain) this.end('host-unknown')
    else this.send(`<stream:features>${this.#account === undefined ? mechanisms : features}</stream:features>`)
  }

  #receive(element: Element): void {
    if (this.#isOver) return
    if (element.namespace === streamsNamespace && element.name === 'error') this.#close('')
    else if (this.#account !== undefined) this.#receiveStanza(element, this.#account)
    else if (element.namespace === saslNamespace) this.#authenticate(element)
    else this.end('not-authorized')
  }

  #receiveStanza(element: Element, account: string): void {
    const stanza = element.namespace === 'jabber:client' ? readStanza(element) : undefined
    if (stanza === undefined) this.end('unsupported-stanza-type')
    else if (isBind(stanza)) this.#bind(stanza, account)
    else if (this.#session === undefined) this.end('not-authorized')
    else this.#delivery.receive(this.#session, stanza)
  }

  #authenticate(element: Element): void {
    const move = this.#sasl(element)
    this.send(move.text)
    if (move.account === undefined) return
    this.#account = move.account
    this.#isOpen = false
    this.#reader.begin()
  }

  /** RFC 6120 §7.6, §7.7. */
  #bind(stanza: Stanza, account: string): void {
    const asked = childrenOf(childrenOf(stanza.text)[0]!.text).find(({ name }) => name === 'resource')
    const text = asked === undefined ? '' : textOf(asked.text)
    const resource = text === '' ? randomBytes(9).toString('base64url') : parseJid(`x@${domain}/${text}`)?.resource
    const bare = `${account}@${domain}`
    if (resource === undefined || this.#session !== undefined) {
      this.send(errorReply(stanza, domain, bare))
      return
    }
    const jid = `${bare}/${resource}`
    this.#session = { account, resource, jid, send: this.send, end: this.end }
    this.#delivery.bind(this.#session)
    const payload = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(jid)}</jid></bind>`
    this.send(reply(stanza, 'result', payload, domain, jid))
  }

  /** RFC 6120 §4.4. */
  #close(lastWord: string): void {
    if (this.#isOver) return
    this.#socket.end(lastWord + streamFooter)
    this.#leave()
  }

  #leave(): void {
    this.#isOver = true
    this.#reader.stop()
    const left = this.#session
    this.#session = undefined
    if (left !== undefined) this.#delivery.leave(left)
  }
}

function isBind({ name, type, text }: Stanza): boolean {
  if (name !== 'iq' || type !== 'set') return false
  const [child] = childrenOf(text)
  return child?.name === 'bind' && child.namespace === bindNamespace
}
