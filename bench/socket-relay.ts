// The least that can stand between a WebSocket and an XMPP server, in the floor's process: what one says goes to the other as
// it came. No XML is read and no stanza is told from the next, so that what it costs is the reading and the writing.
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { streamHeader } from './raw-login.js'
import { domain } from './work.js'

const opening = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='${domain}' version='1.0'/>`
const asText = { binary: false }

/**
 * Passes on what comes, a frame for each chunk and the other way round. Streams alone begin and end differently over
 * WebSocket (RFC 7395 §3.4, §3.6). A header of the server has to come in one chunk, as it does on one machine.
 */
export function relaySocket(webSocket: WebSocket, server: Socket): void {
  webSocket.on('message', (message: Buffer) => {
    const name = message.toString('latin1', 1, 6)
    if (name === 'open ') server.write(streamHeader)
    else if (name === 'close') server.write('</stream:stream>')
    else server.write(message)
  })
  server.on('data', chunk => {
    if (chunk.toString('latin1', 0, 5) !== '<?xml') {
      webSocket.send(chunk, asText)
      return
    }
    webSocket.send(opening)
    const rest = chunk.subarray(chunk.indexOf('>', chunk.indexOf('<stream:stream')) + 1)
    if (rest.length > 0) webSocket.send(rest, asText)
  })
  // A load client that leaves in the middle of a round does not come back.
  webSocket.on('error', () => {})
  server.on('error', () => {})
  webSocket.on('close', () => server.destroy())
  server.on('close', () => webSocket.close())
}
