import { cpu, type Demand, judgeRounds, p50, rate } from './comparison.js'
import { lines } from './lines.js'
import { startFloor, startService } from './processes.js'
import { compare, freshPrefix, product, type Stage, users, warmLoad, warmUp, withFreshProsody } from './stage.js'

export async function measureWarms(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const { c2sPort, httpPort } = prosody
  await using service = await startService({ c2sPort })
  await using floor = await startFloor(c2sPort)
  const contender = withFreshProsody.bind(undefined, stage)
  const all = {
    product: contender(...product(service)),
    peer: contender("Prosody's own endpoint", { kind: 'peer', port: httpPort }),
    raw: contender('bare XMPP stream', { kind: 'raw', port: c2sPort }),
    floor: contender('node:http and a bare stream', { kind: 'floor', port: floor.port }, { floor: floor.pid }),
  }
  await warmUp(all, warmLoad(sizes), sizes.warmUpRounds)
  const warms = await compare(stage, 'Warming, 10 at once', all, warmLoad(sizes))
  const { freshUsers } = sizes
  await compare(stage, 'Warming, users never seen before', all, round => ({
    ...{ part: 'warm', prefix: freshPrefix(round), users: freshUsers, amount: freshUsers },
  }))
  return [
    judgeRounds(lines.warm, warms, ['product', 'peer'], rate),
    judgeRounds(lines.limit, warms, ['product', 'raw'], rate),
    judgeRounds(lines.warmCpu, warms, ['product', 'floor'], cpu('service'), cpu('floor')),
  ]
}

export async function measureWarmsOverStarttls(stage: Stage): Promise<readonly Demand[]> {
  const { sizes, prosody } = stage
  const { c2sPort: port, caFile } = prosody
  await using service = await startService({ c2sPort: port, link: `ca=${caFile}` })
  const contender = withFreshProsody.bind(undefined, stage)
  const all = {
    product: contender(...product(service)),
    plainly: contender('bare stream, STARTTLS', { kind: 'raw-tls', port, caFile }),
  }
  await warmUp(all, warmLoad(sizes), Math.ceil(sizes.warmUpRounds / 2))
  const single = await compare(stage, 'Warming over STARTTLS (TLS 1.3), one at a time', all, {
    ...{ part: 'warm', users, amount: sizes.singleWarms, atOnce: 1 },
  })
  return [judgeRounds(lines.tls, single, ['product', 'plainly'], p50)]
}
