// The health check of containers: exits with 0 if the service answers /healthz.
import { request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
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
const at = path === undefined ? { host: here, port } : { socketPath: path }

const check = {
  ...at,
  path: '/healthz',
  timeout: 2_000,
  // The certificate is for the public name, and this check sends no secret.
  rejectUnauthorized: false,
}

/** The service answers no request without a certificate, so a handshake is its sign of life. */
const needsCertificate = !isUnencrypted && values.TLS_CLIENT_AUTH === 'all'

function shakeHands(socket = connect(port, here)): void {
  const stream = connectTls({ socket, rejectUnauthorized: false }, () => process.exit(0))
  for (const one of [socket, stream]) one.on('error', () => process.exit(1))
  socket.setTimeout(check.timeout, () => process.exit(1))
}

function ask(createConnection?: () => Duplex): void {
  const request = isUnencrypted || createConnection !== undefined ? overHttp : overTls
  request({ ...check, ...(createConnection && { createConnection }) }, answer =>
    process.exit(answer.statusCode === 200 ? 0 : 1),
  )
    .on('timeout', () => process.exit(1))
    .on('error', () => process.exit(1))
    .end()
}

/** For PROXY_PROTOCOL: the service expects a header from proxies that it trusts, and over a Unix socket. */
function askAsProxy(): void {
  const socket = path === undefined ? connect(port, here) : connect(path)
  socket.setTimeout(check.timeout, () => process.exit(1)).on('error', () => process.exit(1))
  socket.on('connect', () => {
    const { localAddress } = socket
    // `UNKNOWN` means no client address.
    if (localAddress === undefined || values.TRUSTED_PROXIES.contains(localAddress)) socket.write('PROXY UNKNOWN\r\n')
    if (needsCertificate) return shakeHands(socket)
    const tls = { socket, rejectUnauthorized: false }
    const stream = isUnencrypted ? socket : connectTls(tls).on('error', () => process.exit(1))
    ask(() => stream)
  })
}

if (values.PROXY_PROTOCOL) askAsProxy()
else if (needsCertificate) shakeHands()
else ask()
