import type { Request } from 'express'
import type { Config } from '../config/config.js'
import { type Answer, pageAnswer } from '../http/answers/answer.js'
import { type NavigationPage, navigation } from '../http/answers/navigation.js'
import type { Representation } from '../http/answers/negotiation.js'
import { formatTime, pathForBrowsers } from './answers.js'
import { type Call, hiddenFrom } from './calls.js'

export interface AdminPageContext {
  readonly request: Request
  readonly representation: Representation
  readonly config: Pick<Config, 'externalUrl' | 'warmPath' | 'warm'>
  readonly hidden: readonly NavigationPage[]
}

export type PageCall = Pick<Call, 'request' | 'representation' | 'admin'>

export function adminPageContext(call: PageCall, config: AdminPageContext['config']): AdminPageContext {
  const { request, representation, admin } = call
  return { request, representation, config, hidden: hiddenFrom(admin) }
}

export function adminPage(
  view: string,
  current: NavigationPage,
  { request, config, representation, hidden }: AdminPageContext,
  values: object,
): Answer {
  const bar = navigation(config, request.headers, current, hidden)
  const made = formatTime(Date.now())
  const time = { day: made.slice(0, 10), made: made.slice(11) }
  const about = { home: bar.home, navigation: bar, path: pathForBrowsers(config), ...time }
  return pageAnswer(view, { ...about, ...values }, representation)
}
