import { otherHostIn } from '../../xmpp/stream-errors.js'
import type { Target } from '../net/srv-records.js'

const usualPort = 5222
const hostAndPort = /^(?:\[([\da-f:.]{2,45})\]|([^\s:[\]<>&/@?#]{1,253}))(?::(\d{1,5}))?$/i

/** Reads `<see-other-host/>` (RFC 6120 §4.9.3.19). `isDirect`: the first server uses TLS without STARTTLS. */
export function otherHost(streamError: string, isDirect: boolean): Target | undefined {
  const [, address, name, port = usualPort] = hostAndPort.exec(otherHostIn(streamError) ?? '') ?? []
  const host = address ?? name
  if (host === undefined || Number(port) === 0 || Number(port) > 65_535) return undefined
  return { host, port: Number(port), tls: isDirect && Number(port) !== usualPort ? 'direct' : 'starttls' }
}
