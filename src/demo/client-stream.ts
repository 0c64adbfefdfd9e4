import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { WaitingMemory } from '../lib/limits/waiting-memory.js'
import { readHeader, streamFooter } from '../servers/c2s/stream-header.js'
import { StreamReader } from '../servers/c2s/stream-reader.js'
import { parseJid } from '../xmpp/jid/jid.js'
import { bindNamespace, saslNamespace, sessionNamespace, streamsNamespace } from '../xmpp/namespaces.js'
import { writeStreamError } from '../xmpp/stream-errors.js'
import { childrenOf, textOf } from '../xmpp/xml/document.js'
import type { Element } from '../xmpp/xml/element.js'
import { escapeXml } from '../xmpp/xml/escape.js'
import type { Root } from '../xmpp/xml/root.js'
import { XmlError } from '../xmpp/xml/xml-error.js'
import { type Move, mechanisms } from './sasl.js'
import { domain, errorReply, readStanza, reply, type Stanza } from './stanza.js'
import type { Delivery, Session } from './stanza-delivery.js'

const features = `<bind xmlns='${bindNamespace}'/><session xmlns='${sessionNamespace}'><optional/></session>`

/** RFC 6120 §4. Returns a function that ends the stream with an error (§4.9.3). */
export function serveClient(socket: Socket, sasl: (element: Element) => Move, delivery: Delivery) {
  let isOpen = false
  let isOver = false
  let account: string | undefined
  let session: Session | undefined
  const sink = { onOpen: receiveHeader, onElement: receive, onClose: () => close('') }
  const reader = new StreamReader(sink, new WaitingMemory())

  function end(condition: string): void {
    if (isOver) return
    if (!isOpen) open()
    close(writeStreamError(condition))
  }

  function send(text: string): void {
    if (!isOver) socket.write(text)
  }

  function read(chunk: Buffer): void {
    if (isOver) return
    try {
      reader.write(chunk)
    } catch (error) {
      if (!(error instanceof XmlError)) throw error
      end(error.fault)
    }
  }

  function open(): void {
    isOpen = true
    const id = randomBytes(12).toString('base64url')
    send(
      `<?xml version='1.0'?><stream:stream id='${id}' from='${domain}' version='1.0' xml:lang='en'` +
        ` xmlns='jabber:client' xmlns:stream='${streamsNamespace}'>`,
    )
  }

  function receiveHeader(root: Root): void {
    open()
    const header = readHeader(root)
    if (typeof header === 'string') end(header)
    else if (root.attribute('to') !== domain) end('host-unknown')
    else send(`<stream:features>${account === undefined ? mechanisms : features}</stream:features>`)
  }

  function receive(element: Element): void {
    if (isOver) return
    if (element.namespace === streamsNamespace && element.name === 'error') close('')
    else if (account === undefined) authenticate(element)
    else receiveStanza(element, account)
  }

  function receiveStanza(element: Element, account: string): void {
    const stanza = element.namespace === 'jabber:client' ? readStanza(element) : undefined
    if (stanza === undefined) end('unsupported-stanza-type')
    else if (isBind(stanza)) bind(stanza, account)
    else if (session === undefined) end('not-authorized')
    else delivery.receive(session, stanza)
  }

  function authenticate(element: Element): void {
    if (element.namespace !== saslNamespace) {
      end('not-authorized')
      return
    }
    const move = sasl(element)
    send(move.text)
    if (move.account === undefined) return
    account = move.account
    isOpen = false
    reader.begin()
  }

  /** RFC 6120 §7.6, §7.7. */
  function bind(stanza: Stanza, account: string): void {
    const asked = childrenOf(childrenOf(stanza.text)[0]!.text).find(({ name }) => name === 'resource')
    const text = asked === undefined ? '' : textOf(asked.text)
    const resource = text === '' ? randomBytes(9).toString('base64url') : parseJid(`x@${domain}/${text}`)?.resource
    const bare = `${account}@${domain}`
    if (resource === undefined || session !== undefined) {
      send(errorReply(stanza, domain, bare))
      return
    }
    const jid = `${bare}/${resource}`
    session = { account, resource, jid, send, end }
    delivery.bind(session)
    const payload = `<bind xmlns='${bindNamespace}'><jid>${escapeXml(jid)}</jid></bind>`
    send(reply(stanza, 'result', payload, domain, jid))
  }

  /** RFC 6120 §4.4. */
  function close(lastWord: string): void {
    if (isOver) return
    socket.end(lastWord + streamFooter)
    leave()
  }

  function leave(): void {
    isOver = true
    reader.stop()
    const left = session
    session = undefined
    if (left !== undefined) delivery.leave(left)
  }

  reader.begin()
  socket.setNoDelay(true)
  socket.on('data', read)
  socket.on('error', () => {})
  socket.on('end', leave)
  socket.on('close', leave)
  return end
}

function isBind({ name, type, text }: Stanza): boolean {
  if (name !== 'iq' || type !== 'set') return false
  const [child] = childrenOf(text)
  return child?.name === 'bind' && child.namespace === bindNamespace
}
