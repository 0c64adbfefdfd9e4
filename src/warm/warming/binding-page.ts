import type { Config } from '../../config/config.js'
import { pathOf, urlOfDomain } from '../../config/serving.js'
import type { FormTokens } from '../../http/access/form-tokens.js'
import { endpointUrls } from '../../http/addresses.js'
import { type Answer, redirectAnswer } from '../../http/answers/answer.js'
import { attachingPagePolicy } from '../../http/answers/pages.js'
import { Problem } from '../../lib/errors.js'
import type { Sessions } from '../../session/session-types.js'
import type { SessionState } from '../../store/store.js'
import type { AdminPage } from '../admin-page.js'
import { describeBinding, formatTime, pathForBrowsers } from '../answers.js'
import { type Call, demandDomain } from '../calls.js'
import { duration } from '../page-texts.js'
import { longestSealed, openedCookie, sealedCookie } from '../sealed-cookies.js'
import type { WarmedBinding } from './session-login.js'

export const bindingPath = '/binding'

const cookieName = 'warm-binding'

interface Shown {
  readonly isResumed: boolean
  readonly session: string | undefined
  readonly values: { readonly url: string }
}

export type BindingPage = ReturnType<typeof createBindingPage>

/** The page gets its values from a sealed cookie, so that any process can show the page. */
export function createBindingPage(config: Config, page: AdminPage, formTokens: FormTokens, sessions: Sessions) {
  const form = pathForBrowsers(config)

  const showValues = ({ isResumed, session, values }: Shown, until: number, seconds: number, call: Call): Answer => {
    const title = isResumed ? 'Ready for another page' : 'Logged in'
    const time = { until: formatTime(until).slice(11), within: duration(seconds), seconds }
    const current = isResumed ? 'sessions' : 'form'
    const shown = page('bound', current, call, { title, isResumed, session, ...time, values })
    return { ...shown, headers: { ...shown.headers, 'Content-Security-Policy': attachingPagePolicy(values.url) } }
  }

  return {
    redirect(binding: WarmedBinding, call: Call, domain: string, isResumed: boolean): Answer {
      const { request, admin } = call
      const { jid, sid, rid, id, token, wait, hold, requests, expiresIn: seconds } = binding
      const { url: bosh, websocket } = describeBinding(binding, endpointUrls(config, domain, request))
      const url =
        binding.url ??
        urlOfDomain(config, domain) ??
        pageUrl(config.externalUrl, pathOf(config, domain), request.headers.host)
      const values = { jid, sid, rid, token, wait, hold, requests, url, bosh, socket: websocket?.url }
      // Sessions at remote endpoints have no page for admins.
      const shown: Shown = { isResumed, session: binding.url === undefined ? `${form}/${id}` : undefined, values }
      const sealed = formTokens.seal([admin.name, id], seconds, shown)
      if (sealed.length > longestSealed) return showValues(shown, Date.now() + seconds * 1000, seconds, call)
      const path = `${form}/${id}${bindingPath}`
      return redirectAnswer(path, {
        'Set-Cookie': sealedCookie(config, request, { name: cookieName, path, sealed, seconds }),
      })
    },

    async show(call: Call): Promise<Answer> {
      const { request, admin, line } = call
      const id = request.params['id'] as string | undefined
      if (id === undefined) throw new Problem('session-not-found')
      line['id'] = id
      const view = await sessions.get(id)
      if (view !== undefined) demandDomain(admin, view.domain)
      const opened = openedCookie(request, cookieName, sealed => formTokens.open([admin.name, id], sealed))
      const state = view?.state ?? 'ended'
      if (opened !== undefined && (state === 'waiting' || state === 'elsewhere'))
        return showValues(opened.result as Shown, opened.until, opened.seconds, call)
      const session = view === undefined ? undefined : `${form}/${id}`
      return { ...page('bound', 'sessions', call, { ...reasons[state], isOver: true, session }), status: 410 }
    },
  }
}

const hidden = {
  title: 'The values are no longer shown',
  reason: 'They are shown for a short time, in the browser that logged the user in. For new values, open the session.',
}
const used = {
  title: 'The values are used up',
  reason: 'A page has used them. If this page is closed, the session ends soon: log the user in again.',
}
const reasons: Readonly<Record<SessionState, typeof hidden>> = {
  opening: hidden,
  waiting: hidden,
  elsewhere: hidden,
  held: used,
  quiet: used,
  paused: used,
  ended: { title: 'The session has ended', reason: 'Its values are useless now. Log the user in again.' },
}

function pageUrl(externalUrl: string | undefined, boshPath: string, host: string | undefined): string {
  if (externalUrl === undefined) return boshPath
  const { host: externalHost, pathname } = new URL(externalUrl + boshPath)
  return externalHost === host?.toLowerCase() ? pathname : externalUrl + boshPath
}
