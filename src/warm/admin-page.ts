import type { Config } from '../config/config.js'
import { type Answer, pageAnswer, problemHeaders } from '../http/answers/answer.js'
import { type NavigationPage, navigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import { livePagePolicy } from '../http/answers/pages.js'
import type { Problem } from '../lib/errors.js'
import { formatTime, pathForBrowsers } from './answers.js'
import { type Call, hiddenFrom, roleAllows } from './calls.js'

export type PageCall = Pick<Call, 'request' | 'representation' | 'admin'>

export type AdminPage = ReturnType<typeof adminPages>

export function adminPages(config: Pick<Config, 'externalUrl' | 'warmPath' | 'warm'>) {
  return (view: string, current: NavigationPage, call: PageCall, values: object): Answer => {
    const { request, representation, admin } = call
    const bar = navigation(config, request.headers, current, hiddenFrom(admin))
    const made = formatTime(Date.now())
    const about = {
      home: bar.home,
      navigation: bar,
      path: pathForBrowsers(config),
      day: made.slice(0, 10),
      made: made.slice(11),
      canWarm: roleAllows(admin, 'warm'),
      canEnd: roleAllows(admin, 'logout'),
      canResume: roleAllows(admin, 'resume'),
      canList: roleAllows(admin, 'sessions'),
    }
    return pageAnswer(view, { ...about, ...values }, representation)
  }
}

/** The template needs `{{> live}}`, and elements with an id and `data-live`. */
export function livePage(page: Answer): Answer {
  return { ...page, headers: { ...page.headers, 'Content-Security-Policy': livePagePolicy } }
}

/** For a page that shows the mistake itself. */
export function withProblem(page: Answer, problem: Problem, representation: Representation): Answer {
  const { status } = problem
  return { status, headers: { ...page.headers, ...problemHeaders(problem, representation) }, body: page.body }
}
