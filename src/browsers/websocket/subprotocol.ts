import type { IncomingMessage } from 'node:http'

/** RFC 7395 §3.1. */
export const subprotocol = 'xmpp'

const most = 3
const longest = 32
const likeName = /^(?:v\d{1,2}\.)?[a-z]{2,}(?:[.-][a-z]+)*[.-]?\d{0,2}$/i

export const offersXmpp = (req: IncomingMessage) => offered(req).includes(subprotocol)

/** For the log. Only names that look like subprotocols are shown, because some programs send a secret as one. */
export function shownOffer(req: IncomingMessage): string {
  const names = offered(req)
  const shown = names.slice(0, most).map(name => (name.length <= longest && likeName.test(name) ? name : '(hidden)'))
  return [...shown, ...(names.length > most ? ['…'] : [])].join(',') || 'none'
}

const offered = ({ headers }: IncomingMessage): readonly string[] =>
  headers['sec-websocket-protocol']?.split(',').map(name => name.trim()) ?? []
