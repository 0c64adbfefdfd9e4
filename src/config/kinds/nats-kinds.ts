// Problems never quote URLs or files, which may contain secrets.

import { isIP } from 'node:net'
import { percentDecoded } from '../../lib/text/form-pairs.js'
import { withoutBrackets } from '../../lib/text/without-brackets.js'
import { prepareDomain } from '../../xmpp/jid/domains.js'
import { inFile } from '../setting-file.js'
import { entriesOf, type Kind, type Report } from './kinds.js'
import { certificatesIn, keyIn, noCertificate, pemOf } from './pem.js'

const usualPort = 4222

export interface NatsServer {
  /** From `prepareDomain`, or an IP address without brackets. */
  readonly host: string
  readonly port: number
  readonly isTls: boolean
}

export type NatsAccount =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  | { readonly creds: string }
  | { readonly seed: string }

/** `nats://host:port` or `tls://host:port`, comma-separated, with an optional `user:password@` or `token@`. */
export const natsServers: Kind<{
  readonly servers: readonly NatsServer[]
  readonly account: NatsAccount | undefined
}> = (text, report) => {
  const read = entriesOf(text).map((entry, index) =>
    readServer(entry, problem => report(`entry ${index + 1} ${problem}`)),
  )
  if (read.length === 0) return report('must have a URL such as nats://127.0.0.1:4222')
  const accounts = read.flatMap(server => server?.account ?? [])
  if (accounts.some(account => JSON.stringify(account) !== JSON.stringify(accounts[0])))
    report('has more than one user: all NATS servers must have the same user')
  const servers = read.flatMap(each => (each === undefined ? [] : [each.server]))
  return { servers, account: accounts[0] }
}

const escapes =
  '; if it has a password, write / in it as %2F, : as %3A, @ as %40, # as %23, ? as %3F, and a comma as %2C'

function readServer(
  text: string,
  report: Report,
): { readonly server: NatsServer; readonly account: NatsAccount | undefined } | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const name = withoutBrackets(url?.hostname ?? '')
  const host = isIP(name) === 0 ? prepareDomain(name) : name
  if (url === undefined || host === undefined || !/^(nats|tls):$/.test(url.protocol)) {
    const hint = url === undefined && text.includes('@') ? escapes : ''
    return report(`must be like nats://nats.example.org:4222 or tls://nats.example.org:4222${hint}`)
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    return report(`has text after its host and port${escapes}`)
  const user = percentDecoded(url.username)
  const password = percentDecoded(url.password)
  if (user === undefined || password === undefined)
    return report('has a % that begins no escape in its user or password: write %25')
  const port = url.port === '' ? usualPort : Number(url.port)
  const account = url.password === '' ? { token: user } : { user, password }
  return {
    server: { host, port, isTls: url.protocol === 'tls:' },
    account: url.username === '' ? undefined : account,
  }
}

export const natsSubject: Kind<string> = (text, report) => {
  if (/^[\w-]+(\.[\w-]+)*$/.test(text) && text.length <= 100) return text
  return report(
    'must be a subject of NATS such as chat.warm-bindings: letters, digits, "-", "_", and dots between them',
  )
}

const isSeed = (line: string) => /^SU[A-Z2-7]{56}$/.test(line)

const linesOf = (text: string) => text.split('\n').map(line => line.trim())

export const natsCredsFile = inFile((text, report): string | undefined => {
  const lines = linesOf(text)
  const hasToken = lines.some(line => line.includes('BEGIN NATS USER JWT'))
  if (hasToken && lines.some(isSeed)) return lines.join('\n')
  return report('names a file without the JWT of a user and its seed, as nsc writes them')
})

export const natsSeedFile = inFile(
  (text, report): string | undefined =>
    linesOf(text).find(isSeed) ?? report('names a file without the seed of a user, which begins with SU'),
)

export const natsCertificate = inFile((text, report) => {
  const cert = certificatesIn(text)?.text
  return cert === undefined ? report(noCertificate) : { cert, key: keyOf(text) }
})

export const natsKey = inFile(
  (text, report): string | undefined => keyOf(text) ?? report('names a file that is not a PEM file of a private key'),
)

function keyOf(text: string): string | undefined {
  const key = keyIn(text)
  return key && pemOf(key)
}
