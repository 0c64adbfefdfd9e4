import { xml } from '@xmpp/client'
import type { XmlElement } from '@xmpp/xml'
import { Problem } from '../../lib/errors.js'
import { bind2Namespace, sasl2Namespace, smNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, textOf } from '../../xmpp/xml/document.js'
import type { Element } from '../../xmpp/xml/element.js'
import { bindRefused } from './refusals.js'

/** XEP-0388 §2.6.1. */
export interface Sasl2Success {
  /** For the mechanism. */
  readonly data: string
  /** Full after bind. */
  readonly jid: string
  readonly isBound: boolean
  /** The answer to `<enable/>`. */
  readonly enabled: Element | undefined
  /** The answer to `<resume/>`. */
  readonly resumed: Element | undefined
}

/** `enable` asks for stream management, with the attributes. The server adds an own part to the tag. */
export function bindRequest(enable: Record<string, string> | undefined): XmlElement {
  const inline = enable === undefined ? [] : [xml('enable', { xmlns: smNamespace, ...enable })]
  return xml('bind', { xmlns: bind2Namespace }, xml('tag', {}, 'warm-bindings'), ...inline)
}

/** Throws a `Problem` if the resource is refused. */
export function readSuccess(text: string): Sasl2Success {
  const children = childrenOf(text)
  const ofSasl = (name: string) => {
    const child = children.find(child => child.name === name && child.namespace === sasl2Namespace)
    return child === undefined ? '' : textOf(child.text).trim()
  }
  const answer = children.find(({ namespace }) => namespace === bind2Namespace)
  if (answer?.name === 'failed') throw bindRefused(answer.text)
  const bound = answer && childrenOf(answer.text)
  return {
    data: ofSasl('additional-data'),
    jid: copyOf(ofSasl('authorization-identifier')),
    isBound: bound !== undefined,
    enabled: bound?.find(({ namespace }) => namespace === smNamespace),
    resumed: children.find(({ namespace }) => namespace === smNamespace),
  }
}

/** The server wants a further task, such as a second factor (XEP-0388 §2.6.3). */
export function furtherTask(): Problem {
  return new Problem('login-failed', { step: 'sasl', detail: 'It wants a further task after the password.' })
}
