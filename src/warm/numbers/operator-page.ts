import { homePath } from '../../http/addresses.js'
import { type Answer, pageAnswer } from '../../http/answers/answer.js'
import { type NavigationPage, navigation } from '../../http/answers/navigation.js'
import type { PageContext } from '../admin-pages.js'
import { formatTime, pathForBrowsers } from '../answers.js'

export interface OperatorContext extends Pick<PageContext, 'request' | 'config' | 'representation'> {
  readonly hidden: readonly NavigationPage[]
}

/** With the time at which it was made. */
export function operatorPage(
  view: NavigationPage & string,
  { request, config, representation, hidden }: OperatorContext,
  values: object,
): Answer {
  const about = {
    home: homePath(config.externalUrl),
    navigation: navigation(config, request.headers, view, hidden),
    path: pathForBrowsers(config),
    made: formatTime(Date.now()),
  }
  return pageAnswer(view, { ...about, ...values }, representation === 'xhtml' ? 'xhtml' : 'html')
}
