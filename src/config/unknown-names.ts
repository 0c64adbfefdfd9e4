import { editDistance, isSimilar, lettersOf } from '../lib/text/similar-words.js'
import { type Environment, type Name, settings } from './settings.js'

const former: Readonly<Record<string, string>> = {
  WEBSOCKET_MAX_MESSAGE_BYTES: 'remove it, or set MAX_STANZA_BYTES, which also sets the limit of messages',
}

export function formerNames(environment: Environment): string[] {
  return Object.keys(environment).flatMap(name =>
    Object.hasOwn(former, name) ? [`${name} is no longer a setting: ${former[name]}`] : [],
  )
}

export function unknownNames(environment: Environment): string[] {
  return corrections(environment, meantBy)
}

/** Finds names that `unknownNames` omits. Not for `process.env`, which has names of other programs. */
export function misspeltNames(values: Environment): string[] {
  return corrections(values, name => (meantBy(name) === undefined ? similarTo(name) : undefined))
}

function corrections(environment: Environment, meant: (name: string) => Name | undefined): string[] {
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (Object.hasOwn(settings, name) || Object.hasOwn(former, name) || isOfKubernetes(name, value)) return []
    const setting = meant(name)
    return setting === undefined ? [] : [`${name} is not a setting of this service. Did you mean ${setting}?`]
  })
}

const names = Object.keys(settings) as Name[]

function similarTo(name: string): Name | undefined {
  const letters = lettersOf(name.toUpperCase())
  return names.find(setting => isSimilar(letters, lettersOf(setting), 1))
}

/** Other programs hardly use names with these beginnings. */
const ownBeginnings = names.flatMap(name => {
  const [first = '', second] = name.split('_')
  if (second === undefined || /^(?:ASSUME|EXTERNAL|LOG|NATS|STATE)$/.test(first)) return []
  return [/^(?:HOST|HTTPS?)$/.test(first) ? `${first}_${second}` : `${first}_`]
})

/** Kubernetes sets these variables for a service named `xmpp` or `http`. */
function isOfKubernetes(name: string, value: string): boolean {
  if (/_SERVICE_HOST$|_SERVICE_PORT|_PORT_\d+_/.test(name)) return true
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)
}

function meantBy(name: string): Name | undefined {
  // The nearest name would be HTTPS_PORT, which is wrong.
  if (name === 'HTTP_PORT') return 'PORT'
  if (name === 'HTTP_HOST') return 'HOST'
  // systemd sets these variables for socket activation.
  if (/^LISTEN_(?:PID|FDS|FDNAMES)$/.test(name)) return undefined
  const letters = lettersOf(name)
  const [distance, nearest] = names
    .map(setting => [editDistance(letters, lettersOf(setting)), setting] as const)
    .reduce((best, other) => (other[0] < best[0] ? other : best))
  const isOurs = ownBeginnings.some(beginning => name.startsWith(beginning))
  return isOurs || distance <= mostMistakes(name, nearest) ? nearest : undefined
}

function mostMistakes(name: string, setting: Name): number {
  const length = lettersOf(setting).length
  if (length >= 6) return length < 10 ? 1 : 2
  // PORTT and PORTS count as PORT, but POST, SPORT and SORT do not.
  return name.length !== setting.length && name.startsWith(setting[0]!) ? 1 : 0
}
