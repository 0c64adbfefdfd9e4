import type { Socket } from 'node:net'
import type { LinkEnd } from '../../xmpp/link.js'
import { streamsNamespace, tlsNamespace } from '../../xmpp/namespaces.js'
import { streamEnd, writeStreamError } from '../../xmpp/stream-errors.js'
import { Splitter } from '../../xmpp/xml/splitter.js'
import { XmlError } from '../../xmpp/xml/xml-error.js'
import { readHeader, streamLimits } from './stream-header.js'

/** RFC 6120 §5.4. Ignores bytes after `<proceed/>`, which are unencrypted (§5.4.3.3). */
export function negotiateTls(socket: Socket, header: string, onOffer: () => void): Promise<'proceed' | LinkEnd> {
  return new Promise((resolve, reject) => {
    let isAsked = false

    function end(answer: 'proceed' | LinkEnd): void {
      splitter.stop()
      resolve(answer)
    }

    function refuse(condition: string, cause?: unknown): void {
      socket.write(writeStreamError(condition))
      end({ failure: { step: 'tls', code: 'remote-protocol-error', cause } })
    }

    const splitter = new Splitter(
      {
        onOpen(root) {
          const opened = readHeader(root)
          if (typeof opened === 'string') refuse(opened)
        },
        onElement(element) {
          const { name, namespace, text } = element
          if (namespace === streamsNamespace && name === 'error') end(streamEnd(element, 'tls'))
          else if (namespace === streamsNamespace && name === 'features' && text.includes(tlsNamespace) && !isAsked) {
            isAsked = true
            socket.write(`<starttls xmlns='${tlsNamespace}'/>`)
            onOffer()
          } else if (namespace === tlsNamespace && name === 'proceed') end('proceed')
          else end({ failure: { step: 'tls', code: 'tls-unavailable' } })
        },
        onClose: () => end({ failure: { step: 'tls', code: 'remote-connection-failed' } }),
      },
      streamLimits,
      { lenient: true },
    )
    socket.on('data', (chunk: Buffer) => {
      try {
        splitter.write(chunk)
      } catch (error) {
        if (error instanceof XmlError) refuse(error.fault, error)
        else reject(error)
      }
    })
    socket.write(header)
  })
}
