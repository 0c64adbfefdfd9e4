import { collectDefaultMetrics, Registry } from 'prom-client'

let registry: Registry | undefined

/**
 * What Prometheus knows of any Node.js process: its memory, descriptors, event loop. Watched from the first time that it
 * is asked for, once for all services of the process.
 */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry()
    collectDefaultMetrics({ register: registry })
  }
  return registry
}
