import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Place } from '../config/listen-addresses.js'
import { ConfigError } from '../config/load.js'
import { reasonAgainst, written } from '../http/places.js'
import { codeOf, traceOf } from '../log.js'
import { createHealthListeners, sendText } from './health.js'
import { type Metrics, textType } from './metrics.js'

export interface MetricsServerParts {
  readonly metrics: Metrics
  readonly isReady: () => boolean
  readonly log: Logger
}

/** Where Prometheus asks. */
export interface MetricsServer {
  /** Such as `http://127.0.0.1:9110/metrics`. */
  readonly url: string
  close(): void
}

/**
 * Serves the metrics, and what a prober wants to know, at an address of their own, which browsers need not reach.
 * Throws a `ConfigError` if the address cannot be had.
 */
export async function serveMetrics(address: Place, parts: MetricsServerParts): Promise<MetricsServer> {
  const health = createHealthListeners(parts.isReady)
  const answerRest = answerMetrics(parts)
  const server = createServer((req, res) => (health.get(req.url!) ?? answerRest)(req, res))
  await once(server.listen(address), 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([`METRICS_ADDRESS is ${written(address)}, ${reasonOf(error)}`])
  })
  server.on('error', cause => parts.log.warn({ code: codeOf(cause) }, 'a connection could not be taken'))
  const { address: host, port } = server.address() as AddressInfo
  return {
    url: `http://${written({ host, port })}/metrics`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answerMetrics({ metrics, log }: MetricsServerParts): RequestListener {
  // From now on it is seen how late the event loop is.
  const process = processMetrics()
  return (req, res) => {
    if (req.url!.split('?', 1)[0] !== '/metrics') sendText(res, 404, 'Metrics are at /metrics.\n')
    else if (req.method !== 'GET' && req.method !== 'HEAD') sendText(res, 405, '', ['Allow', 'GET, HEAD'])
    else
      Promise.all([metrics.text(), process.metrics()]).then(
        texts => sendText(res, 200, texts.join('\n'), ['Content-Type', textType]),
        error => {
          log.error(traceOf(error), 'metrics failed')
          sendText(res, 500, '')
        },
      )
  }
}

let ofProcess: Registry | undefined

/**
 * What Prometheus knows of any Node.js process: its memory, descriptors, event loop. Watched from the first time that it
 * is asked for, once for all services of the process.
 */
function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'which another program uses: choose another address, or none'
  if (code === 'EACCES') return 'where this user may not listen: choose a port from 1024 on, or none'
  return reasonAgainst(code) ?? `where nothing can listen (${code})`
}
