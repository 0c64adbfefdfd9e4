// Problems never quote the URL, which may contain a password.

import { percentDecoded } from '../../lib/text/form-pairs.js'
import type { RedisSettings } from '../../store/redis/redis-client.js'
import { entriesOf, type Kind } from './kinds.js'
import { isSocket, type Place, readAddress, socketPath, socketProblem } from './listen-addresses.js'

const usualPort = 6379
const usualSentinelPort = 26379

export interface RedisUrl extends Omit<RedisSettings, 'tls'> {
  readonly isTls: boolean
}

const shape = /^redis(s?)(\+sentinel)?:\/\/([^?#]*)$/
/** Sentinel allows these characters in names. */
const nameOfMaster = /^[\w.-]+$/

const wanted =
  'must be like redis://127.0.0.1:6379, rediss://redis.example.org, redis+sentinel://a.example.org,b.example.org/name or unix:/run/redis/redis.sock'
const escapes = '; in a password, write / as %2F, @ as %40, # as %23, ? as %3F, and % as %25'

/** `redis://[user[:password]@]host[:port][/database]`, or for Sentinel `redis+sentinel://…host[:port],…/name[/database]`. */
export const redisUrl: Kind<RedisUrl> = (text, report) => {
  const socket = socketPath(text)
  if (socket !== undefined) {
    if (readAddress(text) === undefined) return report(socketProblem)
    return { place: { kind: 'socket', path: socket }, isTls: false }
  }
  const hint = text.includes('@') ? escapes : ''
  const [, secure, sentinel, rest = ''] = shape.exec(text) ?? []
  const [authority = '', ...path] = rest.split('/')
  const [hosts = '', account = '', ...more] = authority.split('@').reverse()
  const servers = entriesOf(hosts).map(host => readServer(host, sentinel === undefined ? usualPort : usualSentinelPort))
  const known = servers.filter(server => server !== undefined)
  const [first] = known
  if (first === undefined || known.length < servers.length || more.length > 0) return report(`${wanted}${hint}`)

  const [name, password] = account.split(/:(.*)/s, 2).map(percentDecoded)
  if (name === undefined || (account.includes(':') && password === undefined))
    return report('has a % that begins no escape in its user or password: write %25')
  const shared = { isTls: secure === 's', username: name || undefined, password: password || undefined }
  if (sentinel !== undefined) {
    const [master = '', database, ...further] = path
    if (!nameOfMaster.test(master) || !isDatabase(database) || further.length > 0)
      return report(`must have the name of a master after its Sentinels, such as /mymaster${hint}`)
    return { ...shared, place: { kind: 'sentinels', name: master, sentinels: known }, database: numberOf(database) }
  }
  if (known.length > 1) return report('has more than one host: for Sentinels, write redis+sentinel://')
  const [database, ...further] = path
  if (!isDatabase(database) || further.length > 0)
    return report(`must have only a database after its host and port, such as /1${hint}`)
  return { ...shared, place: { kind: 'server', ...first }, database: numberOf(database) }
}

const isDatabase = (text = '') => /^\d{0,5}$/.test(text)

const numberOf = (digits = '') => (digits === '' ? undefined : Number(digits))

function readServer(text: string, usual: number): Place | undefined {
  const address = readAddress(text)
  if (address === undefined || isSocket(address) || address.port === 0) return undefined
  return { host: address.host, port: address.port ?? usual }
}
