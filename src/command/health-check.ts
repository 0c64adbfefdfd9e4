// The health check of containers: exits with 0 if the service answers /healthz.
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { httpsPlaces } from '../config/config.js'
import { placesOf, socketPath } from '../config/kinds/listen-addresses.js'
import { readValues } from '../config/load.js'

// Problems are ignored: the running service has checked the settings.
const values = readValues(process.env, () => undefined)
const httpPlaces = placesOf(values.HOST, values.PORT)
const isUnencrypted = httpPlaces.length > 0
const { host, port } = (isUnencrypted ? httpPlaces : httpsPlaces(values))[0]!
const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
const path = socketPath(host)

/** The service answers no request without a certificate, so a handshake is its sign of life. */
const isHandshakeEnough = !isUnencrypted && values.TLS_CLIENT_AUTH === 'all'

const succeed = () => process.exit(0)
const fail = () => process.exit(1)

const socket = path === undefined ? connect(port, here) : connect(path)
socket.setTimeout(2_000, fail).on('error', fail)
socket.on('connect', () => {
  const { localAddress } = socket
  // The service expects a header from proxies that it trusts, and over a Unix socket. `UNKNOWN` means no client address.
  if (values.PROXY_PROTOCOL && (localAddress === undefined || values.TRUSTED_PROXIES.contains(localAddress)))
    socket.write('PROXY UNKNOWN\r\n')
  if (isUnencrypted) return ask(socket)
  // The certificate is for the public name, and this check sends no secret.
  const stream = connectTls({ socket, rejectUnauthorized: false }).on('error', fail)
  if (isHandshakeEnough) stream.on('secureConnect', succeed)
  else ask(stream)
})

function ask(stream: Duplex): void {
  const at = path === undefined ? { host: here, port } : {}
  const answered = ({ statusCode }: IncomingMessage) => (statusCode === 200 ? succeed() : fail())
  request({ ...at, path: '/healthz', createConnection: () => stream }, answered)
    .on('error', fail)
    .end()
}
