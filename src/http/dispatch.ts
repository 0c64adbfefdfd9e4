import type { RequestListener } from 'node:http'
import { readHostName } from '../config/hosts.js'

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

/** Hands requests for the hosts in the table, which are written as `readHostName` does, to their own listeners. */
export function atHost(
  table: ReadonlyMap<string, RequestListener>,
  otherwise: RequestListener,
): RequestListener {
  return (req, res) => {
    const { host = '' } = req.headers
    // Nearly all of them write it as the table has it.
    const listener = table.get(host) ?? table.get(readHostName(host) ?? '') ?? otherwise
    listener(req, res)
  }
}
