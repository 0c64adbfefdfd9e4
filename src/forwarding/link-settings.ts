import { hkdfSync, type KeyObject } from 'node:crypto'
import type { ClientSessionOptions, ServerOptions } from 'node:http2'
import type { TlsOptions } from 'node:tls'
import { fingerprintOf } from '../lib/secrets/seal-keys.js'

/** In bytes. Enough for the headers that Node accepts over HTTP/1.1, and for `warm-` headers. */
const longestHeaders = 128 * 1024
const mostStreams = 2 ** 20
/** In bytes, for all streams of a connection together. Each stream has 64 KiB. */
export const connectionWindow = 8 * 2 ** 20

/** Options of both sides of a link. Only peers that have proven the key use it, so its limits are high. */
export const linkOptions = {
  maxSessionMemory: 4096,
  maxHeaderListPairs: 4096,
  maxSendHeaderBlockLength: longestHeaders,
  peerMaxConcurrentStreams: mostStreams,
  // The headers of many clients share a link: compressed lengths could tell one client about another (RFC 7541 §7.1).
  maxDeflateDynamicTableSize: 0,
  // A network fault can cancel thousands of requests at once.
  streamResetBurst: mostStreams,
  streamResetRate: mostStreams,
  settings: {
    enableConnectProtocol: true,
    enablePush: false,
    headerTableSize: 0,
    maxConcurrentStreams: mostStreams,
    maxHeaderListSize: longestHeaders,
  },
} satisfies ServerOptions & ClientSessionOptions & { streamResetBurst: number; streamResetRate: number }

/** TLS with a pre-shared key, which proves both sides (RFC 5489, RFC 7905). */
export const pskOptions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  ALPNProtocols: ['h2'],
} satisfies TlsOptions

/** `identity` names the key, because the peer may have several. */
export function preSharedKey(key: KeyObject) {
  const psk = new Uint8Array(hkdfSync('sha256', key, '', 'warm-bindings link between processes 1', 32))
  return { psk, identity: fingerprintOf(key) }
}
