import type { IncomingMessage, RequestListener } from 'node:http'
import { readHostName } from '../../config/kinds/kinds.js'
import type { NoteRequest } from '../access/refused-requests.js'
import { answerInText } from '../answers/node-answers.js'
import type { Upgrade } from './upgrades.js'

export type Endpoint = RequestListener & {
  readonly upgrade?: Upgrade
  /** True if the endpoint may hold a request until the next one arrives. */
  readonly holds?: boolean
}

export interface Routes {
  readonly paths: ReadonlyMap<string, Endpoint>
  readonly below: readonly (readonly [string, RequestListener])[]
  readonly rest: RequestListener
}

interface DispatchTable {
  /** Keys are results of `readHostName`. */
  readonly hosts: ReadonlyMap<string, Routes>
  readonly otherHosts: Routes
}

export type Dispatcher = RequestListener & {
  readonly upgradeFor: (req: IncomingMessage) => Upgrade | undefined
  readonly holds: (req: IncomingMessage) => boolean
}

export function createDispatcher(
  everywhere: ReadonlyMap<string, RequestListener>,
  sites: { readonly routes: DispatchTable },
  note: NoteRequest,
): Dispatcher {
  const refuse = (reason: string, sentence: string): RequestListener => {
    return (req, res) => {
      note(req, reason)
      answerInText(res, 400, sentence, ['Connection', 'close'])
    }
  }
  const withoutHost = refuse('no-host', 'The request has no Host header (RFC 9112).')
  const severalHosts = refuse('several-hosts', 'The request has several Host headers.')
  const listenerFor = (req: IncomingMessage): Endpoint => {
    const url = req.url!
    const anywhere = everywhere.get(url)
    if (anywhere !== undefined) return anywhere
    const { hosts, otherHosts } = sites.routes
    let routes = otherHosts
    if (hosts.size > 0) {
      // Two `Host` headers are refused (RFC 9112 §3.2), because a proxy may have checked only the second.
      if (countHosts(req) > 1) return severalHosts
      const { host = '' } = req.headers
      routes = hosts.get(host) ?? hosts.get(readHostName(host) ?? '') ?? otherHosts
    }
    return listenerAt(url, routes)
  }
  const answer: RequestListener = (req, res) => {
    const isWithoutHost = req.headers.host === undefined && req.httpVersion === '1.1'
    const listener = isWithoutHost ? withoutHost : listenerFor(req)
    listener(req, res)
  }
  return Object.assign(answer, {
    upgradeFor: (req: IncomingMessage) => listenerFor(req).upgrade,
    // Only a POST can be held. Replies to other requests would wait in memory.
    holds: (req: IncomingMessage) => req.method === 'POST' && listenerFor(req).holds === true,
  })
}

function listenerAt(url: string, { paths, below, rest }: Routes): Endpoint {
  const exact = paths.get(url)
  if (exact !== undefined) return exact
  const path = url.split('?', 1)[0]!
  const here = paths.get(path.endsWith('/') ? path.slice(0, -1) : path)
  if (here !== undefined) return here
  for (const [base, listener] of below)
    if (path === base || (path.startsWith(base) && path[base.length] === '/')) return listener
  return rest
}

export function countHosts({ rawHeaders }: IncomingMessage): number {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts
}
