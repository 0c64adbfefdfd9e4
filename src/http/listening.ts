import { createServer, type Server as HttpServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from '../config/config.js'

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

function createHttpServer(listener: RequestListener): HttpServer {
  return createServer(
    {
      // Longer than common proxies keep theirs, so that the proxy is the one who closes.
      keepAliveTimeout: 75_000,
      // These bound the reading of a request; a held reply takes as long as it takes.
      headersTimeout: 20_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    },
    listener,
  )
}

/** Listens, and says where. Rejects if the address cannot be had. */
export async function listen(
  listener: RequestListener,
  { host, port }: Pick<Config, 'host' | 'port'>,
): Promise<{ server: HttpServer; url: string }> {
  const server = createHttpServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { address, family, port: actual } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
  return { server, url }
}
