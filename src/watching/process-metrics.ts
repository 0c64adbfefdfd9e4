import { collectDefaultMetrics, Registry } from 'prom-client'

let ofProcess: Registry | undefined

/** What Prometheus knows of any Node.js process, watched from the first time on, once for all services of the process. */
export function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}
