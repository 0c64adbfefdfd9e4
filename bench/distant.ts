// `npm run bench -- distant [--ms=50] [--logins=12]`: logins at an XMPP server that is some milliseconds away.
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Prosody, startProsody } from '../test/support/prosody.js'
import { majorOf } from '../test/support/server-process.js'
import { median } from './comparison.js'
import { closing, startServer, startService } from './processes.js'
import { Opener } from './sessions.js'
import { accountsOf } from './stage.js'
import { domain } from './work.js'

/** Only for Prosody 13: these modules break the streams of Prosody 0.12. */
const sasl2Modules = `
plugin_paths = { "/usr/lib/prosody/modules" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast" }
`
/** Milliseconds in which the service can open connections for the next login. */
const pause = 400

/** Delays bytes, but not the start of a connection. */
const startDistance = (port: number, ms: number) =>
  startServer(near => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    const pass = (from: Socket, to: Socket) => {
      from.on('data', chunk => setTimeout(() => to.writable && to.write(chunk), ms / 2))
      from.on('end', () => setTimeout(() => to.end(), ms / 2))
      from.on('error', () => to.destroy())
    }
    pass(near, far)
    pass(far, near)
  })

const none = { XMPP_SPARE_LINKS: '0' }
const ways = [
  { title: 'STARTTLS, SASL', scheme: 'xmpp', options: '&sasl2=off', environment: none },
  { title: 'direct TLS, SASL', scheme: 'xmpps', options: '&sasl2=off', environment: none },
  { title: 'direct TLS, SASL2', scheme: 'xmpps', options: '', environment: none },
  {
    title: 'the same, nothing sent ahead',
    scheme: 'xmpps',
    options: '',
    environment: { ...none, XMPP_PIPELINING: 'off' },
  },
  { title: 'the same, spare links', scheme: 'xmpps', options: '', environment: {} },
]

export async function measureDistant(
  { ms, logins, nagle }: { ms: number; logins: number; nagle: number },
  print: (text: string) => void,
): Promise<boolean> {
  const config = `${majorOf('prosody') >= 13 ? sasl2Modules : ''}${nagle ? '' : 'network_settings = { nagle = false }'}`
  await using prosody = closing(await startProsody({ users: accountsOf(['user0']), config }))
  print(`Prosody ${majorOf('prosody') >= 13 ? '13 with SASL2' : '0.12'}, ${ms} ms a round trip; p50 of ${logins} warms`)
  for (const way of ways)
    print(`  ${way.title.padEnd(40)}${(await measureWay(prosody, way, ms, logins)).toFixed(0)} ms`)
  return true
}

async function measureWay(prosody: Prosody, way: (typeof ways)[number], ms: number, logins: number): Promise<number> {
  const { c2sPort, directTlsPort, caFile } = prosody
  await using distance = await startDistance(way.scheme === 'xmpps' ? directTlsPort : c2sPort, ms)
  const server = `${domain}=${way.scheme}://127.0.0.1:${distance.port}?ca=${caFile}${way.options}`
  await using service = await startService({ c2sPort, environment: { ...way.environment, XMPP_SERVERS: server } })
  const opener = new Opener({ kind: 'product', port: service.port })
  const times: number[] = []
  // The first logins are not measured, because they cache the server's features.
  for (let login = -4; login < logins; login++) {
    const start = performance.now()
    await opener.open('user0')
    if (login >= 0) times.push(performance.now() - start)
    await sleep(pause)
  }
  opener.close()
  return median(times)
}
