import { Problem } from '../../lib/errors.js'
import { bind2Namespace, fastNamespace, isNamed, sasl2Namespace, smNamespace } from '../../xmpp/namespaces.js'
import { copyOf } from '../../xmpp/xml/copy-of.js'
import { childrenOf, startTagOf, textOf } from '../../xmpp/xml/document.js'
import { bindRefused } from './refusals.js'

/** XEP-0388 §2.6.1. After a bind, `jid` is a full JID. */
export type Sasl2Success = ReturnType<typeof readSuccess>

export function readSuccess(text: string) {
  const children = childrenOf(text)
  const ofSasl = (name: string) => {
    const child = children.find(isNamed(name, sasl2Namespace))
    return child === undefined ? '' : textOf(child.text).trim()
  }
  const answer = children.find(({ namespace }) => namespace === bind2Namespace)
  if (answer?.name === 'failed') throw bindRefused(answer.text)
  const token = children.find(isNamed('token', fastNamespace))
  const bound = answer && childrenOf(answer.text)
  return {
    data: ofSasl('additional-data'),
    jid: copyOf(ofSasl('authorization-identifier')),
    isBound: bound !== undefined,
    enabled: bound?.find(isNamed('enabled', smNamespace)),
    resumed: children.find(({ namespace }) => namespace === smNamespace),
    token: token && startTagOf(token.text).attribute('token'),
  }
}

/** XEP-0388 §2.6.3. */
export function furtherTask(): Problem {
  return new Problem('login-failed', {
    step: 'sasl',
    detail:
      'It requires another task after the password, such as a one-time code, which this service does not support.',
  })
}
