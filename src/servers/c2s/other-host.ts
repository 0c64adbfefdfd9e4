import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Server } from '../../config/config.js'
import { otherHostIn } from '../../xmpp/stream-errors.js'
import type { Target } from '../net/srv-records.js'

const usualPort = 5222
const hostAndPort = /^(?:\[([\da-f:.]{2,45})\]|([^\s:[\]<>&/@?#]{1,253}))(?::(\d{1,5}))?$/i

/**
 * Only a server that has proven its name may lead elsewhere, because the link is then as safe as one to an address in
 * the DNS: the other server must prove the same name.
 */
export function provenHost(
  streamError: string,
  socket: Socket | undefined,
  server: Server | undefined,
): Target | undefined {
  const isProven = socket instanceof TLSSocket && server?.verify !== false
  return isProven ? otherHost(streamError, socket.alpnProtocol === 'xmpp-client') : undefined
}

/** Reads `<see-other-host/>` (RFC 6120 §4.9.3.19). `isDirect`: the first server uses TLS without STARTTLS. */
export function otherHost(streamError: string, isDirect: boolean): Target | undefined {
  const [, address, name, port = usualPort] = hostAndPort.exec(otherHostIn(streamError) ?? '') ?? []
  const host = address ?? name
  if (host === undefined || Number(port) === 0 || Number(port) > 65_535) return undefined
  return { host, port: Number(port), tls: isDirect && Number(port) !== usualPort ? 'direct' : 'starttls' }
}
