import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { type Place, written } from '../config/listen-addresses.js'
import { ConfigError } from '../config/load.js'
import { reasonAgainst } from '../http/places.js'
import { codeOf, traceOf } from '../log.js'
import { createHealthListeners, sendText } from './health.js'
import { type Metrics, textType } from './metrics.js'

export type MetricsServer = Awaited<ReturnType<typeof serveMetrics>>

/** Serves the metrics, and what a prober asks, at an address of their own. Throws a `ConfigError` if it cannot be had. */
export async function serveMetrics(address: Place, metrics: Metrics, isReady: () => boolean, log: Logger) {
  const health = createHealthListeners(isReady)
  const answerRest = answerMetrics(metrics, log)
  const server = createServer((req, res) => (health.get(req.url!) ?? answerRest)(req, res))
  await once(server.listen(address), 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([`METRICS_ADDRESS is ${written(address)}, ${reasonOf(error)}`])
  })
  server.on('error', cause => log.warn({ code: codeOf(cause) }, 'a connection could not be taken'))
  const { address: host, port } = server.address() as AddressInfo
  return {
    /** Such as `http://127.0.0.1:9110/metrics`. */
    url: `http://${written({ host, port })}/metrics`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answerMetrics(metrics: Metrics, log: Logger): RequestListener {
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

/** What Prometheus knows of any Node.js process, watched from the first time on, once for all services of the process. */
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
