// Line 14: ten thousand WebSockets that say nothing, and are asked now and then whether they are there.
import type { PartResult } from './figures.js'
import { judge, lines } from './lines.js'
import { startService } from './processes.js'
import { openFilesLimit, spareDescriptors } from './soak.js'
import { runFresh, type Stage, users } from './stage.js'

/** For 10,000 logins at a Prosody that slows down meanwhile. */
const loginSeconds = 300

export async function measurePings(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const service = await startService({ c2sPort: prosody.c2sPort })
  const limit = openFilesLimit()
  const sessions = Math.min(sizes.pingedSessions, Math.floor((limit - spareDescriptors) / 2))
  const beside =
    sessions < sizes.pingedSessions
      ? [
          `${sessions} instead of ${sizes.pingedSessions}: each takes two descriptors, of ${limit} (ulimit -Hn)`,
        ]
      : []
  try {
    const target = { kind: 'product', port: service.port, over: 'websocket' } as const
    const round = {
      part: 'rest',
      target,
      prefix: 'user',
      users,
      amount: sizes.soakSeconds,
      sessions,
    } as const
    const figures = await runFresh(
      stage,
      round,
      { service: service.pid },
      {
        seconds: loginSeconds + sizes.soakSeconds,
        ready: count => log(`\n${count} WebSockets are open, and say nothing for ${sizes.soakSeconds} s`),
      },
    )
    const { lost = 0, operations, perSecond, cpuMicroseconds } = figures
    // An operation is a ping that was answered.
    const share = ((cpuMicroseconds['service'] ?? Number.NaN) * perSecond) / 1e4
    const value = `${share.toFixed(2)} %`
    log(`  ${operations} pings were answered, ${lost} sessions lost; the service had ${value} of a core`)
    return {
      verdicts: [
        judge(lines.pingLost, [lost], { value: `${sessions} sessions, ${operations} pings`, beside }),
        judge(lines.pingCpu, [share], { value }),
      ],
    }
  } finally {
    await service.stop()
  }
}
