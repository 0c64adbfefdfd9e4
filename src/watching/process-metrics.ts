import { collectDefaultMetrics, Registry } from 'prom-client'

let ofProcess: Registry | undefined

/** prom-client's metrics of the Node process, created once. */
export function processMetrics(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}
