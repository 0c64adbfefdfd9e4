// The message after a form is in a sealed cookie, because anybody could forge a URL.
import type { Config } from '../../config/config.js'
import type { FormTokens } from '../../http/access/form-tokens.js'
import { type Answer, redirectAnswer } from '../../http/answers/answer.js'
import type { EndedSessions } from '../../session/session-types.js'
import { pathForBrowsers } from '../answers.js'
import { type Call, roleAllows } from '../calls.js'
import { openedCookie, sealedCookie } from '../sealed-cookies.js'

/** Admins who must not list sessions get the message about ended sessions here. */
export const endedPath = '/ended'

const name = 'warm-ended'
const seconds = 60
const mostNames = 5
const longestName = 100

interface Ended extends EndedSessions {
  /** Number of selected sessions, or undefined for all sessions of `user`. */
  readonly selected?: number | undefined
  readonly user?: string | undefined
  readonly names: readonly string[]
}

export type EndedNotice = ReturnType<typeof createEndedNotice>

export function createEndedNotice(config: Config, formTokens: FormTokens) {
  const path = `${pathForBrowsers(config)}/sessions`
  const ownerOf = ({ admin }: Call) => [admin.name, '', 'ended']

  return {
    /** `back` is the query of the list. */
    redirect(call: Call, text: string, back = ''): Answer {
      const cookie = cookieOf(call, formTokens.seal(ownerOf(call), seconds, { text }))
      const query = String(new URLSearchParams(back))
      const rest = roleAllows(call.admin, 'sessions') ? query && `?${query}` : endedPath
      return redirectAnswer(path + rest, { 'Set-Cookie': cookie })
    },

    messageOf(call: Call): string | undefined {
      const opened = openedCookie(call.request, name, sealed => formTokens.open(ownerOf(call), sealed))
      return (opened?.result as { text: string } | undefined)?.text
    },

    /** Deletes the cookie, so that the message is shown once. */
    forgotten: (call: Call) => ({ 'Set-Cookie': cookieOf(call, '') }),
  }

  function cookieOf({ request }: Call, sealed: string): string {
    return sealedCookie(config, request, { name, path, sealed, seconds: sealed === '' ? 0 : seconds })
  }
}

/** Short enough for a cookie, whatever the names are. */
export function sentencesOf({ ended, selected, user, names, elsewhere }: Ended): string {
  if (ended === 1 && selected === 1) return `The session of ${cut(names[0] ?? 'this user')} was ended.`
  const count = ended === 1 ? '1 session' : `${ended} sessions`
  const verb = ended === 1 ? 'was' : 'were'
  const whose = user === undefined ? listOf(names) : ` of ${cut(user)}`
  const hasOthers = selected !== undefined && ended < selected
  return [
    hasOthers ? `${ended} of ${selected} sessions ${verb} ended.` : `${count}${whose} ${verb} ended.`,
    hasOthers && 'The others had ended before, or their process did not answer.',
    elsewhere > 0 && `${elsewhere} more at another endpoint, which this service cannot end.`,
  ]
    .filter(Boolean)
    .join(' ')
}

function listOf(names: readonly string[]): string {
  if (names.length === 0) return ''
  const shown = names.slice(0, mostNames).map(cut).join(', ')
  return names.length > mostNames ? `: ${shown} and ${names.length - mostNames} more` : `: ${shown}`
}

const cut = (text: string) => (text.length > longestName ? `${text.slice(0, longestName)}…` : text)
