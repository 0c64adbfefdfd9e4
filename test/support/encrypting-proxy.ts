// A host as domains have them: TLS in front of a server's BOSH endpoint, and a host-meta that tells of it.
import { request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Credentials } from './certificates.js'

export interface EncryptingProxy {
  readonly port: number
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

/** Passes `/http-bind` on to a port of 127.0.0.1; publishes it as `https://localhost`, in JSON or as XRD only. */
export async function startEncryptingProxy(
  certificate: Credentials,
  target: number,
  format: 'json' | 'xrd',
): Promise<EncryptingProxy> {
  const asked: string[] = []
  const server = createServer({ ...certificate, keepAlive: true, noDelay: true }, (incoming, outgoing) => {
    const { url = '', method, headers } = incoming
    asked.push(url)
    const address = `https://localhost:${(server.address() as AddressInfo).port}/http-bind`
    const relation = 'urn:xmpp:alt-connections:xbosh'
    if (url === '/http-bind') {
      const onwards = request({ host: '127.0.0.1', port: target, path: url, method, headers }, answer => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onwards.on('error', () => outgoing.destroy())
      outgoing.on('close', () => onwards.destroy())
      incoming.pipe(onwards)
    } else if (url === '/.well-known/host-meta.json' && format === 'json') {
      outgoing.end(JSON.stringify({ links: [{ rel: relation, href: address }] }))
    } else if (url === '/.well-known/host-meta' && format === 'xrd') {
      const link = `<Link rel="${relation}" href="${address}"/>`
      outgoing.end(
        `<?xml version="1.0" encoding="utf-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n  <!-- chat -->\n  ${link}\n</XRD>\n`,
      )
    } else outgoing.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
