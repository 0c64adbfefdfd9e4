import { EventEmitter } from 'node:events'
import type { XmlElement } from '@xmpp/client'
import Connection from '@xmpp/connection'
import { Parser } from '@xmpp/xml'
import { Handshake } from './handshake.js'

/** Stands for a stream header, which BOSH has no text for. */
const header = '<?open?>'

/** The socket that @xmpp/client writes to: each write becomes a request of the handshake. */
class HandshakeSocket extends EventEmitter {
  #handshake: Handshake | undefined

  connect(handshake: Handshake): void {
    this.#handshake = handshake
    handshake.attach(text => this.emit('data', text))
    // Not before the library listens.
    queueMicrotask(() => this.emit('connect'))
  }

  write(text: string, written: () => void): void {
    // Before the reply, which may come at once: the library listens for it only when the write is done.
    written()
    queueMicrotask(() => {
      if (text === header) this.#handshake?.open()
      else this.#handshake?.send(text)
    })
  }

  end(): void {
    this.#handshake?.leave()
    this.emit('close')
  }
}

/** BOSH as a transport of @xmpp/client. Its service addresses are handshakes. */
export class BoshTransport extends Connection {
  override socketParameters(service: unknown): unknown {
    return service instanceof Handshake ? service : undefined
  }

  override send(element: XmlElement): Promise<void> {
    element.attrs['xmlns'] ??= this.NS
    // An initial response that is there and empty is not the same as none (RFC 6120 §6.4.2); the library writes neither.
    if (element.name === 'auth' && element.children.length === 0) element.t('=')
    return super.send(element)
  }

  header(): string {
    return header
  }

  footer(): string {
    return ''
  }
}

BoshTransport.prototype.NS = 'jabber:client'
BoshTransport.prototype.Socket = HandshakeSocket
BoshTransport.prototype.Parser = Parser
