// Line 14: ten thousand WebSockets that say nothing, and are asked now and then whether they are there. At the same time a
// bare server asks as many: what a ping costs differs by half from one hour to the next, and then for both.
import { startEcho } from './echo.js'
import type { PartResult } from './figures.js'
import { judge, lines } from './lines.js'
import { startFloor, startLoadClient, startService } from './processes.js'
import { openFilesLimit, spareDescriptors } from './soak.js'
import { runFresh, type Stage, users } from './stage.js'
import type { Figures, Target } from './work.js'

/** For 10,000 logins at a Prosody that slows down meanwhile. */
const loginSeconds = 300
/** The bare server's are open when the service's already are. */
const openingSeconds = 60

export async function measurePings(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const echo = await startEcho()
  const floor = await startFloor(echo.port)
  const floorsLoad = startLoadClient()
  const limit = openFilesLimit()
  const sessions = Math.min(sizes.pingedSessions, Math.floor((limit - spareDescriptors) / 2))
  const beside =
    sessions < sizes.pingedSessions
      ? [
          `${sessions} instead of ${sizes.pingedSessions}: each takes two descriptors, of ${limit} (ulimit -Hn)`,
        ]
      : []
  const rest = (target: Target) =>
    ({ part: 'rest', target, prefix: 'user', users, amount: sizes.soakSeconds, sessions }) as const
  try {
    const both = await new Promise<readonly [Figures, Figures]>((resolve, reject) => {
      const whenReady = (count: number) => {
        log(`\n${count} WebSockets are open, and say nothing for ${sizes.soakSeconds} s`)
        const floorRound = rest({ kind: 'floor', port: floor.port, over: 'websocket' })
        floorsLoad
          .run({ ...floorRound, pids: { floor: floor.pid } }, { seconds: openingSeconds + sizes.soakSeconds })
          .then(async figures => resolve([await served, figures]))
          .catch(reject)
      }
      const served = runFresh(
        stage,
        rest({ kind: 'product', port: service.port, over: 'websocket' }),
        { service: service.pid },
        { seconds: loginSeconds + sizes.soakSeconds, ready: whenReady },
      )
      served.catch(reject)
    })
    const [ofService, ofFloor] = both
    const { lost = 0, operations } = ofService
    const [share, bare] = [shareOf(ofService, 'service'), shareOf(ofFloor, 'floor')]
    const value = `${share.toFixed(2)} %`
    const base = `${bare.toFixed(2)} %`
    log(`  ${operations} pings were answered, ${lost} sessions lost; the service had ${value} of a core`)
    log(`  the bare server had ${base} for ${ofFloor.operations}`)
    return {
      verdicts: [
        judge(lines.pingLost, [lost], { value: `${sessions} sessions, ${operations} pings`, beside }),
        judge(lines.pingCpu, [share / bare], { value, base }),
      ],
    }
  } finally {
    floorsLoad.stop()
    await Promise.all([service.stop(), floor.stop()])
    echo.close()
  }
}

/** How much of a core the process had, in percent. An operation is a ping that was answered. */
function shareOf({ cpuMicroseconds, perSecond }: Figures, process: string): number {
  return ((cpuMicroseconds[process] ?? Number.NaN) * perSecond) / 1e4
}
