// Line 3: how long one warm takes where the link to the XMPP server is encrypted.
import { type Comparison, judgeRatio, p50, table, takeTurns } from './comparison.js'
import type { PartResult } from './figures.js'
import { lines } from './lines.js'
import { startService } from './processes.js'
import { runFresh, type Stage, users } from './stage.js'
import type { Target } from './work.js'

const labels = {
  product: 'the service',
  plainly: 'bare stream, STARTTLS',
  nudged: 'bare stream, STARTTLS, nudged',
}
type Key = keyof typeof labels
const keys = Object.keys(labels) as Key[]

export async function measureStarttls(stage: Stage): Promise<PartResult> {
  const { sizes, prosody, log } = stage
  const { c2sPort, caFile } = prosody
  const service = await startService({ c2sPort, caFile })
  const targets: Record<Key, Target> = {
    product: { kind: 'product', port: service.port },
    plainly: { kind: 'raw-tls', port: c2sPort, caFile },
    nudged: { kind: 'raw-tls-nudged', port: c2sPort, caFile },
  }
  const run = (key: Key, amount: number, atOnce: number) =>
    runFresh(
      stage,
      { part: 'warm', target: targets[key], prefix: 'user', users, amount, atOnce },
      key === 'product' ? { service: service.pid } : {},
    )
  try {
    // Warming many at once is the quickest way to have everything compiled and remembered.
    for (let round = 0; round < Math.ceil(sizes.warmUpRounds / 2); round++)
      for (const key of keys) await run(key, sizes.warms, 10)
    const comparison: Comparison<Key> = {
      title: 'Warming over STARTTLS (TLS 1.3), one at a time',
      unit: 'warms',
      labels,
      rounds: await takeTurns(sizes.rounds, keys, key => run(key, sizes.singleWarms, 1)),
    }
    log(table(comparison))
    return {
      verdicts: [
        judgeRatio(lines.tls, comparison, ['product', 'plainly'], p50),
        judgeRatio(lines.tlsNudged, comparison, ['product', 'nudged'], p50),
      ],
      comparisons: [comparison],
    }
  } finally {
    await service.stop()
  }
}
