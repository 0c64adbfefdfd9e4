// What a container's health check runs: ends with 0 if the service of this machine says that it is alive. It reads no
// more of the settings than where that is.
import { request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'

const read = (name: string, otherwise: string) => process.env[name]?.trim() || otherwise
/** The first entry of a list; all of them lead to the same service. */
const first = (list: string) => list.split(',')[0]!.trim()

const isPlain = read('PORT', '8080').toLowerCase() !== 'off'
const usualPort = first(isPlain ? read('PORT', '8080') : read('HTTPS_PORT', '8443'))
const host = first(isPlain ? read('HOST', '127.0.0.1') : read('HTTPS_HOST', read('HOST', '127.0.0.1')))
const [, bracketed, plain, ownPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(host) ?? []
const address = bracketed ?? plain ?? host
// A port behind an address of HOST is for what goes without TLS.
const port = isPlain || process.env['HTTPS_HOST'] ? (ownPort ?? usualPort) : usualPort
const anyAddress: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

const ask = isPlain ? overHttp : overTls
ask(
  {
    ...{ host: anyAddress[address] ?? address, port, path: '/healthz', timeout: 2_000 },
    // It is asked whether it lives, and told nothing: its certificate is made out to other names than this.
    rejectUnauthorized: false,
  },
  answer => process.exit(answer.statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
  .end()
