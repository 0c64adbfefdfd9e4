import type { RequestListener } from 'node:http'
import { readHostName } from '../config/hosts.js'
import { inertHeaders } from './page-policy.js'

/** Hands requests for one path, with or without a slash at its end, to their own listener. */
export function atPath(path: string, listener: RequestListener, otherwise: RequestListener): RequestListener {
  const follows = new Set(['', '/', '?', '/?'])
  return (req, res) => {
    const url = req.url!
    const isIt =
      url === path || (url.startsWith(path) && follows.has(url.slice(path.length).split('?', 1)[0]!))
    if (isIt) listener(req, res)
    else otherwise(req, res)
  }
}

/** Hands requests for one path, and for all that lies below it, to their own listener. */
export function belowPath(
  path: string,
  listener: RequestListener,
  otherwise: RequestListener,
): RequestListener {
  return (req, res) => {
    const url = req.url!
    const isIt = url === path || (url.startsWith(path) && '/?'.includes(url.charAt(path.length)))
    if (isIt) listener(req, res)
    else otherwise(req, res)
  }
}

/** Hands requests for the hosts in the table, which are written as `readHostName` does, to their own listeners. */
export function atHost(
  table: ReadonlyMap<string, RequestListener>,
  otherwise: RequestListener,
): RequestListener {
  return (req, res) => {
    const { host = '' } = req.headers
    if (req.rawHeaders.filter(isHost).length > 1) {
      // Whoever passed it on may go by another one of them (RFC 9112 §3.2).
      res.writeHead(400, ['Content-Length', '0', 'Connection', 'close', ...inertHeaders]).end()
      return
    }
    // Nearly all of them write it as the table has it.
    const listener = table.get(host) ?? table.get(readHostName(host) ?? '') ?? otherwise
    listener(req, res)
  }
}

/** Whether this is the name of the header, among names and values in turn. */
function isHost(text: string, index: number): boolean {
  return index % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host'
}
