import { sasl2Namespace } from '../../xmpp/namespaces.js'
import { childrenOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'

/** Only this number of Base64 characters is decoded. The longest user name has 1,023 bytes. */
const mostDecoded = 4096

/** Returns Base64, or an empty text. */
export function firstMessage(element: Element): string {
  const { name, namespace, text } = element
  if (namespace !== sasl2Namespace || name === 'response') return textOf(text).trim()
  const initial = childrenOf(text).find(child => child.name === 'initial-response')
  return initial === undefined ? '' : textOf(initial.text).trim()
}

export function shownUser(mechanism: string, message: string): string | undefined {
  const read = readers.find(([names]) => names.test(mechanism))?.[1]
  return read?.(Buffer.from(message.slice(0, mostDecoded), 'base64').toString()) || undefined
}

type Read = (message: string) => string | undefined

const readers: readonly (readonly [names: RegExp, read: Read])[] = [
  // RFC 5802 §7.
  [/^SCRAM-/, message => unescaped(/^[ny][^,]*,[^,]*,n=([^,]*),/.exec(message)?.[1])],
  // RFC 4616 §2. With fewer than three fields, the second field may be the password.
  [/^(?:PLAIN|X-OAUTH2)$/, message => fields(message, 3)?.[1]],
  // draft-schmaus-kitten-sasl-ht §3.
  [/^HT-/, message => fields(message, 2)?.[0]],
  // RFC 7628 §3.1.
  [/^OAUTHBEARER$/, message => unescaped(/^[ny],a=([^,]*),/.exec(message)?.[1])],
]

function fields(message: string, least: number): string[] | undefined {
  const all = message.split('\0', least)
  return all.length < least ? undefined : all
}

function unescaped(name: string | undefined): string | undefined {
  return name?.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
