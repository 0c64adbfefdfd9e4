import { type Answer, problemAnswer } from '../../http/answers/answer.js'
import { navigation } from '../../http/answers/navigation.js'
import { Problem } from '../../lib/errors.js'
import type { AdminPageContext } from '../admin-page.js'
import { formatTime, pathForBrowsers } from '../answers.js'
import type { AuditLine } from '../numbers/audit-lines.js'

const deeds: Readonly<Record<string, string>> = { logout: 'ended it', resume: 'handed it to another page' }

/** `lines`: the audit lines of the session, newest first. */
export function pastSession(
  { code }: Problem,
  lines: readonly AuditLine[],
  { request, representation, config, hidden }: AdminPageContext,
): Answer {
  const told = lines.toReversed().map(({ time, action, admin }) => {
    const deed = deeds[action] ?? 'logged the user in'
    return `${action === 'connect' ? 'A page' : (admin ?? 'The client')} ${deed} at ${formatTime(time)}.`
  })
  // The JID is only in the link, because a malicious server could choose one that misleads readers of the sentences.
  const user = lines.find(({ jids }) => jids.length > 0)?.jids[0]
  const query = user === undefined ? '' : `?${new URLSearchParams({ jid: user })}`
  return problemAnswer(new Problem(code, { detail: told.join(' ') }), representation, {
    headline: 'This session has ended',
    requestId: request.res!.get('X-Request-Id'),
    navigation: navigation(config, request.headers, 'sessions', hidden),
    back: {
      href: `${pathForBrowsers(config)}/audit${query}`,
      text: user === undefined ? 'Audit' : 'Audit of this user',
    },
  })
}
