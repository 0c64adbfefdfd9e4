import type { Logger } from 'pino'
import type { Clock, Timer } from '../lib/clock.js'
import type { Counts } from '../lib/counts.js'

const intervalMilliseconds = 300_000
const fewestRequests = 20

type Tried = readonly [all: number, failed: number]

const mostFailed = 0.05

/** Warns if the share of failed requests in five minutes is above `mostFailed`. */
export function watchFailures(counts: Counts, clock: Clock, log: Logger): () => void {
  const look = (): Readonly<Record<string, Tried>> => ({
    bosh: [counts.requests, counts.failedRequests],
    webSocket: [counts.webSockets.opened + counts.webSockets.refused, counts.webSockets.refused],
    warm: [counts.calls, counts.failedCalls],
  })
  let before = look()
  let timer: Timer | undefined
  const wait = () => {
    timer = clock.after(intervalMilliseconds, () => {
      const now = look()
      const shares = Object.entries(now).map(([kind, tried]) => [kind, shareOf(before[kind]!, tried)] as const)
      const failed = Object.fromEntries(shares)
      before = now
      if (Object.values(failed).some(share => (share ?? 0) > mostFailed))
        log.warn({ failed }, 'more than 5 % of the requests fail')
      wait()
    })
  }
  wait()
  return () => timer?.cancel()
}

function shareOf([allBefore, failedBefore]: Tried, [all, failed]: Tried): number | undefined {
  const tried = all - allBefore
  return tried < fewestRequests ? undefined : Math.round((1000 * (failed - failedBefore)) / tried) / 1000
}
