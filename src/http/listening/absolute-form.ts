import type { IncomingMessage } from 'node:http'

const slash = 0x2f
const absolute = /^https?:\/\/([^/?#@\s]+)((?:[/?][^#\s]*)?)$/i

/** Rewrites a request target in absolute form, whose host replaces the header `Host` (RFC 9112 §3.2.2). */
export function readAbsoluteForm(req: IncomingMessage): void {
  if (req.url!.charCodeAt(0) === slash) return
  const [, host, rest = ''] = absolute.exec(req.url!) ?? []
  if (host === undefined) return
  req.url = rest.startsWith('/') ? rest : `/${rest}`
  req.headers.host = host
}
