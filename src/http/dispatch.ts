import type { IncomingMessage, RequestListener } from 'node:http'
import { readHostName } from '../config/kinds.js'
import { answerBare } from './bare-answer.js'

/** What answers the requests to one host. */
export interface Routes {
  /** Listeners for one path each, with or without a slash at its end. */
  readonly paths: ReadonlyMap<string, RequestListener>
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
export function createDispatcher({ everywhere, hosts, otherHosts }: DispatchTable): RequestListener {
  return (req, res) => {
    const url = req.url!
    const anywhere = everywhere.get(url)
    if (anywhere !== undefined) {
      anywhere(req, res)
      return
    }
    let routes = otherHosts
    if (hosts.size > 0) {
      if (namesSeveralHosts(req)) {
        // A proxy in front may have chosen another one of them (RFC 9112 §3.2).
        answerBare(res, 400, ['Connection', 'close'])
        return
      }
      const { host = '' } = req.headers
      // Nearly all requests write the name as the table has it.
      routes = hosts.get(host) ?? hosts.get(readHostName(host) ?? '') ?? otherHosts
    }
    listenerAt(url, routes)(req, res)
  }
}

function listenerAt(url: string, { paths, below, rest }: Routes): RequestListener {
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
