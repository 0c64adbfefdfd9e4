import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { Logger } from 'pino'
import { type Place, written } from '../config/kinds/listen-addresses.js'
import { ConfigError } from '../config/load.js'
import type { NoteRequest } from '../http/access/refused-requests.js'
import { answerInText, sendText } from '../http/answers/node-answers.js'
import { readNoMore } from '../http/fast/reply-under-way.js'
import { readAbsoluteForm } from '../http/listening/absolute-form.js'
import { urlOf } from '../http/listening/listen-at.js'
import { bindFailureReason } from '../http/listening/listen-problems.js'
import { refuseExpectation, refuseUnreadable } from '../http/listening/unreadable-requests.js'
import { refuseTunnels } from '../http/listening/upgrades.js'
import { systemClock } from '../lib/clock.js'
import { MinuteSums } from '../lib/limits/minute-sums.js'
import { refusalLog } from '../lib/limits/refusal-log.js'
import { codeOf, traceOf } from '../lib/log.js'
import { createHealthListeners, reading } from './health.js'
import { textType } from './metrics.js'

const unreadMilliseconds = 60_000

export type MetricsServer = Awaited<ReturnType<typeof serveMetrics>>

type MetricsText = () => Promise<string>

export async function serveMetrics(address: Place, text: MetricsText, fault: () => string | undefined, log: Logger) {
  const refused = refusalLog(new MinuteSums(systemClock), log, 'a request for metrics was refused')
  const note: NoteRequest = ({ socket }, reason) => refused(reason, socket.remoteAddress)
  const health = createHealthListeners(fault, () => undefined, note)
  const metrics = reading(answerMetrics(text, log), note)
  const answerRest: RequestListener = (req, res) => {
    if (req.url!.split('?', 1)[0] === '/metrics') return metrics(req, res)
    note(req, 'path')
    answerInText(res, 404, 'Metrics are at /metrics.')
  }
  const server = createServer((req, res) => {
    readAbsoluteForm(req)
    const answer = health.get(req.url!) ?? answerRest
    answer(req, res)
  })
  refuseUnreadable(server, note)
  refuseTunnels(server, note)
  server.on('checkExpectation', refuseExpectation(note))
  server.timeout = unreadMilliseconds
  // Otherwise, Node would collect metrics for all pipelined requests at once.
  server.maxRequestsPerSocket = 1
  server.on('dropRequest', (_req, socket) => readNoMore(socket))
  await once(server.listen(address), 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError([`METRICS_ADDRESS is ${written(address)}, ${reasonOf(error)}`])
  })
  server.on('error', cause => log.warn({ code: codeOf(cause) }, 'a connection was not accepted'))
  return {
    url: `${urlOf(server, 'http')}/metrics`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answerMetrics(text: MetricsText, log: Logger): RequestListener {
  return (_req, res) =>
    void text().then(
      all => sendText(res, 200, all, [], textType),
      error => {
        log.error(traceOf(error), 'metrics failed')
        answerInText(res, 500, 'The metrics failed. The log has the cause.')
      },
    )
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return 'which another program uses: choose another address, or none'
  if (code === 'EACCES') return 'where this user may not listen: choose a port from 1024 on, or none'
  return bindFailureReason(code) ?? `which cannot be listened on (${code})`
}
