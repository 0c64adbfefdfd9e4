import { mostDescriptors } from '../src/lib/limits/descriptors.js'
import { judge } from './comparison.js'
import { lines } from './lines.js'
import { startEcho, startFloor, startLoadClient, startService } from './processes.js'
import type { PartResult } from './results.js'
import { type Stage, users, withFreshProsody } from './stage.js'
import type { Figures, Target } from './work.js'

const spareDescriptors = 300
const loginSeconds = 300
const openingSeconds = 60

/** Measures a bare server at the same time, because the CPU time of a ping changes by half within hours. */
export async function measurePings(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const { pingedSessions: wanted, pingSeconds: amount } = sizes
  await using service = await startService({ c2sPort: prosody.c2sPort })
  await using echo = await startEcho()
  await using floor = await startFloor(echo.port)
  await using floorClient = startLoadClient()
  const limit = mostDescriptors()
  const sessions = Math.min(wanted, Math.floor((limit - spareDescriptors) / 2))
  const beside = sessions < wanted ? [`${sessions} instead of ${wanted}: ${whyFewer(limit)}`] : []
  const rest = { part: 'rest', users, amount, sessions } as const
  const target = (kind: 'product' | 'floor', port: number): Target => ({ kind, port, over: 'websocket' })
  const contender = withFreshProsody(stage, 'the service', target('product', service.port), {
    service: service.pid,
  })
  const [ofService, ofFloor] = await new Promise<readonly [Figures, Figures]>((resolve, reject) => {
    const ready = (count: number) => {
      log(`\n${count} WebSockets are open, and say nothing for ${amount} s`)
      const work = { ...rest, target: target('floor', floor.port), pids: { floor: floor.pid } }
      floorClient
        .run(work, { seconds: openingSeconds + amount })
        .then(async figures => resolve([await served, figures]))
        .catch(reject)
    }
    const served = contender.run(rest, { seconds: loginSeconds + amount, ready })
    served.catch(reject)
  })
  const { lost = 0, operations } = ofService
  const [share, bare] = [percentOfCore(ofService, 'service'), percentOfCore(ofFloor, 'floor')]
  const [value, base] = [`${share.toFixed(2)} %`, `${bare.toFixed(2)} %`]
  log(`  ${operations} pings were answered, ${lost} sessions lost; the service had ${value} of a core`)
  log(`  the bare server had ${base} for ${ofFloor.operations}`)
  return {
    verdicts: [
      judge(lines.pingLost, [lost], { value: `${sessions} sessions, ${operations} pings`, beside }),
      judge(lines.pingCpu, [share / bare], { value, base }),
    ],
  }
}

const percentOfCore = ({ cpuMicroseconds, perSecond }: Figures, process: string) =>
  ((cpuMicroseconds[process] ?? Number.NaN) * perSecond) / 1e4

const whyFewer = (limit: number) =>
  `each takes two descriptors of the service, which may open ${limit} here (ulimit -Hn)`
