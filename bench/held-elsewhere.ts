// Line 18: what a held session weighs beside another process, and where its request is held by that one.
import { startDemoServer } from '../src/demo/server.js'
import type { PartResult, Weight } from './figures.js'
import { startNeighbours } from './groups.js'
import { HeldSession } from './held-session.js'
import { inWords, weigh } from './idle.js'
import { judge, lines } from './lines.js'
import { type Started, startService } from './processes.js'
import { openBosh } from './sessions.js'
import { names, type Stage } from './stage.js'
import type { Target } from './work.js'

const users = 50

export async function measureHeldElsewhere(stage: Stage): Promise<PartResult> {
  const accounts = names('user', users)
  const server = await startDemoServer(Object.fromEntries(accounts.map(name => [name, name])))
  const options = { c2sPort: server.port }
  let lost = 0
  /** Weighs processes with sessions that are opened and held as the target says. */
  const weighed = async (processes: readonly Started[], target: Target): Promise<Weight> => {
    const held: HeldSession[] = []
    const about = { port: target.port, spare: [], arrived: () => {}, lost: () => void lost++ }
    const weight = await weigh(processes, stage.sizes, async count => {
      const wanted = Array.from({ length: count }, (_, index) => accounts[index % users]!)
      for (const session of await openBosh(target, wanted)) held.push(new HeldSession(session, about))
    })
    for (const session of held) session.close()
    return weight
  }
  const amongOthers = async (isElsewhere: boolean) => {
    const pair = await startNeighbours(options)
    const [one, other] = pair.both
    try {
      const port = isElsewhere ? other.port : one.port
      // Where the other has nothing to do with it, its own coming and going is only noise.
      return await weighed(isElsewhere ? pair.both : [one], { kind: 'product', port, warmPort: one.port })
    } finally {
      await pair.stop()
    }
  }
  try {
    const service = await startService(options)
    const alone = await weighed([service], { kind: 'product', port: service.port })
    await service.stop()
    const here = await amongOthers(false)
    const elsewhere = await amongOthers(true)
    stage.log(
      `\nA held session, plain link, ${lost} lost\n  one process: ${inWords(alone)}\n` +
        `  two, the one with the session: ${inWords(here)}\n  two, held at the other one, together: ${inWords(elsewhere)}`,
    )
    const ratio = lost === 0 ? here.kibPerSession / alone.kibPerSession : Number.NaN
    const kib = ({ kibPerSession }: Weight) => `${kibPerSession.toFixed(1)} KiB`
    return {
      verdicts: [
        judge(lines.memoryAmongOthers, [ratio], {
          value: kib(here),
          base: kib(alone),
          beside: [
            `through the other process, in both together: ${kib(elsewhere)}`,
            `${lost} sessions were lost`,
          ],
        }),
      ],
      elsewhere: { alone, here, elsewhere },
    }
  } finally {
    await server.stop()
  }
}
