// Line 10: ten thousand sessions in one process, for minutes.
import { readFileSync } from 'node:fs'
import type { PartResult } from './figures.js'
import { judge, lines } from './lines.js'
import { type Lag, startService } from './processes.js'
import { runFresh, type Stage, users } from './stage.js'

/** Descriptors that the service needs besides two for each session. */
export const spareDescriptors = 300
/** The largest part of the sessions that may pause, and need but one descriptor meanwhile, before fewer are held. */
const mostPausing = 0.05
/** For 10,000 logins at a Prosody that slows down meanwhile. */
const loginSeconds = 300

export async function measureSoak(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const wanted = sizes.soakSessions
  const limit = openFilesLimit()
  const lacking = Math.max(0, spareDescriptors + 2 * wanted - limit)
  const isWhole = lacking <= mostPausing * wanted
  const sessions = isWhole ? wanted : Math.floor((limit - spareDescriptors) / 2)
  const pausing = isWhole ? lacking : 0
  const why = `each takes two descriptors of the service, which may open ${limit} here (ulimit -Hn)`
  const beside: string[] = []
  if (!isWhole)
    beside.push(`${sessions} sessions instead of ${wanted}: ${why}; run it where more are allowed`)
  else if (pausing > 0)
    beside.push(`${pausing} of them hold no request but pause between their messages: ${why}`)
  for (const shortage of beside) log(`\n${shortage}`)
  const service = await startService({ c2sPort: prosody.c2sPort, measureLag: true })
  try {
    const target = { kind: 'product', port: service.port } as const
    const hold = { part: 'hold', target, prefix: 'user', users, amount: sizes.soakSeconds } as const
    let opened: Promise<Lag> | undefined
    const messages = await runFresh(
      stage,
      { ...hold, sessions, pausing, secondsPerMessage: sizes.soakSecondsPerMessage },
      { service: service.pid },
      {
        seconds: loginSeconds + sizes.soakSeconds,
        ready: count => {
          log(
            `\n${count} sessions are held; each says something every ${sizes.soakSecondsPerMessage} s for ${sizes.soakSeconds} s`,
          )
          // The lag of the logins is not what is asked for.
          opened = service.lag()
        },
      },
    )
    await opened
    const lag = await service.lag()
    const { lost = 0, operations, p50Milliseconds, p99Milliseconds } = messages
    const inWords = (each: Lag) =>
      `p50 ${each.p50.toFixed(1)}, p99 ${each.p99.toFixed(1)}, most ${each.max.toFixed(1)} ms`
    log(
      `  ${operations} messages, p50 ${p50Milliseconds.toFixed(1)}, p99 ${p99Milliseconds.toFixed(1)} ms; ${lost} lost\n` +
        `  event loop lag ${inWords(lag)}`,
    )
    const held = judge(lines.soakLost, [lost], {
      ...{
        value: `${sessions} sessions${pausing > 0 ? `, ${pausing} of them pausing` : ''}, ${operations} messages`,
        beside,
      },
    })
    return {
      verdicts: [
        // Fewer sessions than asked for are not what was to be reached, however well they went.
        { ...held, reached: held.reached && isWhole },
        judge(lines.soakLag, [lag.p99], { value: inWords(lag), beside }),
      ],
      soak: { sessions, seconds: sizes.soakSeconds, lag, messages },
    }
  } finally {
    await service.stop()
  }
}

/** How many files a process may open at most; Node raises its own limit to it. */
export function openFilesLimit(): number {
  const [, , hard] = /Max open files\s+(\d+)\s+(\d+|unlimited)/.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  ) ?? ['', '', '0']
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}
