import type { IncomingMessage, RequestListener } from 'node:http'
import { readHostName } from '../../config/kinds/kinds.js'
import { answerBare } from '../answers/bare-answer.js'
import type { Upgrade } from './upgrades.js'

/** Answers the requests to one path, and takes the connections over whose requests ask for that. */
export type Endpoint = RequestListener & {
  readonly upgrade?: Upgrade
  /** Whether requests are held until the next one comes, which may use the same connection. */
  readonly holds?: boolean
}

/** What answers the requests to one host. */
export interface Routes {
  /** What answers at one path each, with or without a slash at its end. */
  readonly paths: ReadonlyMap<string, Endpoint>
  /** Listeners for a path and all that lies below it. The first that fits counts. */
  readonly below: readonly (readonly [string, RequestListener])[]
  /** Answers all other requests. */
  readonly rest: RequestListener
}

export interface DispatchTable {
  /** Listeners for URLs that mean the same at every host, such as `/healthz`. */
  readonly everywhere: ReadonlyMap<string, RequestListener>
  /** By the names of hosts as `readHostName` writes them. Where there is none, no request is asked for its host. */
  readonly hosts: ReadonlyMap<string, Routes>
  readonly otherHosts: Routes
}

/** Hands each request to the one listener that answers it: a server's only step before that. */
export type Dispatcher = RequestListener & {
  /** What takes the connection of a request over; undefined where it is answered like any other. */
  readonly upgradeFor: (req: IncomingMessage) => Upgrade | undefined
  /** Whether requests like this one are held. */
  readonly holds: (req: IncomingMessage) => boolean
}

export function createDispatcher({ everywhere, hosts, otherHosts }: DispatchTable): Dispatcher {
  const listenerFor = (req: IncomingMessage): Endpoint => {
    const url = req.url!
    const anywhere = everywhere.get(url)
    if (anywhere !== undefined) return anywhere
    let routes = otherHosts
    if (hosts.size > 0) {
      // A proxy in front may have chosen another one of them (RFC 9112 §3.2).
      if (namesSeveralHosts(req)) return refuse
      const { host = '' } = req.headers
      // Nearly all requests write the name as the table has it.
      routes = hosts.get(host) ?? hosts.get(readHostName(host) ?? '') ?? otherHosts
    }
    return listenerAt(url, routes)
  }
  const answer: RequestListener = (req, res) => listenerFor(req)(req, res)
  return Object.assign(answer, {
    upgradeFor: (req: IncomingMessage) => listenerFor(req).upgrade,
    holds: (req: IncomingMessage) => listenerFor(req).holds === true,
  })
}

const refuse: RequestListener = (_req, res) => answerBare(res, 400, ['Connection', 'close'])

function listenerAt(url: string, { paths, below, rest }: Routes): Endpoint {
  // Nearly all requests write the path as the table has it.
  const exact = paths.get(url)
  if (exact !== undefined) return exact
  const path = url.split('?', 1)[0]!
  const here = paths.get(path.endsWith('/') ? path.slice(0, -1) : path)
  if (here !== undefined) return here
  for (const [base, listener] of below)
    if (path === base || (path.startsWith(base) && path[base.length] === '/')) return listener
  return rest
}

function namesSeveralHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts > 1
}
