import { editDistance, lettersOf } from '../lib/text/similar-words.js'
import { type Environment, type Name, proxySettings, settings } from './settings.js'

/** Settings of earlier versions, without those of NATS. */
export const formerSettings: readonly string[] = `
  BOSH_ACKS BOSH_ASSUME_SECURE BOSH_DEFAULT_HOLD BOSH_DENY BOSH_GET_TEXT BOSH_MAX_PAUSE BOSH_POLLING
  BOSH_REQUIRE_SECURE CORS_CREDENTIALS CORS_HEADERS CORS_MAX_AGE CORS_METHODS CREDENTIAL_TIME HOST_META_ENABLED
  HTTP_STRICT_HOST LINK_RESUME LISTEN_BACKLOG MAX_HELD_REQUESTS METRICS_MAX_ERROR_RATE RATE_SESSION_BURST
  RATE_WARMS_PER_ADMIN REMOTE_CONNECT_TIMEOUT REMOTE_MAX_REPLY_BYTES REMOTE_TIMEOUT SCRAM_MEMORY TLS_KEY_PASSPHRASE
  WARM_DENY WARM_STEP_TIMEOUT WEBSOCKET_ASSUME_SECURE WEBSOCKET_CLOSE_TIMEOUT WEBSOCKET_DENY WEBSOCKET_GET_TEXT
  WEBSOCKET_IDLE_TIMEOUT WEBSOCKET_MAX_FRAGMENTS WEBSOCKET_MAX_MESSAGE_BYTES WEBSOCKET_PONG_TIMEOUT
  WEBSOCKET_REQUIRE_SECURE XMPP_KEEPALIVE XMPP_LOCAL_ADDRESSES XMPP_PIPELINING XMPP_PREFER_DIRECT_TLS XMPP_SASL2
  XMPP_STREAM_MANAGEMENT XMPP_TLS_CIPHERS XMPP_TLS_MIN_VERSION
`
  .trim()
  .split(/\s+/)

const isFormer = (name: string) => formerSettings.includes(name) || /^NATS_[A-Z_]+$/.test(name)

/** With a guard, more would be allowed than the operator knows if it was ignored, so the service does not start. */
export function formerNames(environment: Environment): readonly { readonly text: string; readonly isGuard: boolean }[] {
  return Object.entries(environment)
    .filter(([name]) => isFormer(name))
    .map(([name, value = '']) => ({
      text: `${name} is no longer a setting: ${name.startsWith('NATS_') ? ofNats : 'CHANGELOG.md says what replaces it'}`,
      // Alone, the process would not know the sessions of the others.
      isGuard: name === 'NATS_URL' ? value.trim() !== '' && !environment['REDIS_URL'] : isGuard(name, value.trim()),
    }))
}

const ofNats = 'several processes share a Redis (REDIS_URL). See the upgrade notes in CHANGELOG.md'

function isGuard(name: string, value: string): boolean {
  const isOff = /^(?:off|false|no|0|none)$/i.test(value)
  if (/^(?:LINK_RESUME|SCRAM_MEMORY)$/.test(name)) return isOff
  if (name === 'XMPP_TLS_MIN_VERSION') return value === '1.3'
  if (name === 'CREDENTIAL_TIME') return value !== '' && Number(value) < 30 * 86_400
  if (name === 'RATE_WARMS_PER_ADMIN') return Number(value) > 0
  return /_(?:DENY|REQUIRE_SECURE|STRICT_HOST|TLS_CIPHERS)$/.test(name) && value !== '' && !isOff
}

/** Names in the environment that look like ours. */
export function unknownNames(environment: Environment): string[] {
  return Object.entries(environment)
    .filter(([name, value]) => looksLikeOurs(name, value))
    .map(([name]) => sentenceFor(name, meantBy(name)))
}

function looksLikeOurs(name: string, value = ''): boolean {
  if (isKnown(name) || isOfKubernetes(name, value) || ofSystemd.test(name)) return false
  return meantBy(name) !== undefined || beginsLikeOurs(name)
}

/** All other names in the file of the service, in which names of other programs are mistakes. `places` has their lines. */
export function misspeltNames(values: Environment, places: ReadonlyMap<string, number> = new Map()): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (/^NODE_(?:OPTIONS|EXTRA_CA_CERTS)$/.test(name)) return [`${name} ${lateForNode}`]
    if (isKnown(name) || looksLikeOurs(name, value) || ofNode.test(name)) return []
    return [sentenceFor(name, meantBy(name, true), inFile(places.get(name)))]
  })
}

const known = new Set([...Object.keys(settings), ...proxySettings.map(name => name.toLowerCase())])

const isKnown = (name: string) => known.has(name) || isFormer(name)

const ofSystemd = /^LISTEN_(?:PID|FDS|FDNAMES)$/

const lateForNode = 'is too late in the env file: Node.js reads it from the environment, before the service starts.'

/** Names that Node.js, its libraries or the system read. */
const ofNode =
  /^(?:NODE_\w+|UV_\w+|OPENSSL_\w+|SSL_CERT_\w+|TZ|LANG|LC_\w+|PATH|HOME|TMPDIR|DEBUG|ALL_PROXY|all_proxy)$/

function sentenceFor(name: string, meant: Name | undefined, hidden = name): string {
  const shown = meant !== undefined || mayShow(name) || beginsLikeOurs(name) ? name : hidden
  const unknown = `${shown} is not a setting of this service.`
  return meant === undefined
    ? `${unknown} See docs/settings.md, or docs/coming-from.md for other servers.`
    : `${unknown} Did you mean ${meant}?`
}

const inFile = (line: number | undefined) =>
  line === undefined ? 'A name in the env file' : `The name in line ${line} of the env file`

const longestShown = 40

const names = Object.keys(settings) as Name[]
const settingsWithLetters = names.map(setting => [setting, lettersOf(setting)] as const)

/** Other programs hardly use names with these beginnings. */
const ownBeginnings = names.flatMap(name => {
  const [first = '', second] = name.split('_')
  if (second === undefined || second === 'PROXY' || /^(?:ASSUME|EXTERNAL|LOG|REDIS|STATE)$/.test(first)) return []
  return [/^(?:HOST|HTTPS?)$/.test(first) ? `${first}_${second}` : `${first}_`]
})

const beginsLikeOurs = (name: string) =>
  name.length <= longestShown && ownBeginnings.some(beginning => name.startsWith(beginning))

/** Kubernetes sets these variables for a service named `xmpp` or `http`. */
function isOfKubernetes(name: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT|_PORT_\d+_/.test(name)) return true
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)
}

function meantBy(name: string, isInFile = false): Name | undefined {
  if (name === 'HTTP_PORT') return 'PORT'
  const letters = lettersOf(isInFile ? name.toUpperCase() : name)
  const [distance, nearest] = settingsWithLetters
    .filter(([, own]) => Math.abs(own.length - letters.length) <= 2)
    .map(([setting, own]) => [editDistance(letters, own), setting] as const)
    .reduce((best, other) => (other[0] < best[0] ? other : best), [Infinity, names[0]!] as const)
  if (distance <= Math.max(mostMistakes(name, nearest), isInFile ? 1 : 0)) return nearest
  const words = name.split('_')
  return words.length === 1 ? undefined : names.find(setting => words.every(word => setting.split('_').includes(word)))
}

/** At most two, so a setting whose length differs by more is never meant. */
function mostMistakes(name: string, setting: Name): number {
  const length = lettersOf(setting).length
  if (length >= 6) return length < 10 ? 1 : 2
  // PORTT and PORTS count as PORT, but POST, SPORT and SORT do not.
  return name.length !== setting.length && name.startsWith(setting[0]!) ? 1 : 0
}

/** Whether a message may show an unknown name of an env file. The rest of a line that was broken could be a secret. */
export function mayShow(name: string): boolean {
  return name.length <= longestShown && /^[A-Z]{2,}(?:_[A-Z]+)*(?:_?\d{1,2})?$/.test(name)
}
