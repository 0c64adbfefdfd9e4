// For containers: exits with 0 if the service answers /healthz.
import { request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
import { httpsPlaces } from '../config/config.js'
import { placesOf } from '../config/kinds/listen-addresses.js'
import { readValues } from '../config/load.js'

// Faults are ignored, because the running service has checked its settings.
const values = readValues(process.env, () => undefined)
const isPlain = values.PORT.length > 0
const { host, port } = (isPlain ? placesOf(values.HOST, values.PORT) : httpsPlaces(values))[0]!
const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host

const ask = isPlain ? overHttp : overTls
ask(
  {
    host: here,
    port,
    path: '/healthz',
    timeout: 2_000,
    // The certificate is for the public name, and this check sends no secret.
    rejectUnauthorized: false,
  },
  answer => process.exit(answer.statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1))
  .end()
