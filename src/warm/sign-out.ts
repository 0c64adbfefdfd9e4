// HTTP Basic has no sign-out, but after a 401 browsers forget the credentials.
import type { RequestHandler } from 'express'
import { realmAndCharset } from '../http/access/admins.js'
import { senderOf } from '../http/access/sender.js'
import { pageAnswer, sendAnswer } from '../http/answers/answer.js'
import { type NavigationSettings, publicNavigation } from '../http/answers/navigation.js'
import { negotiate } from '../http/answers/negotiation.js'
import { Problem } from '../lib/errors.js'

export function createSignOut(config: NavigationSettings): RequestHandler {
  return ({ headers }, response) => {
    if (senderOf(headers, config.externalUrl) === 'elsewhere') throw new Problem('cross-site-request')
    const bar = publicNavigation(config)
    const values = { title: 'Signed out', home: bar.home, navigation: bar, form: bar.home + config.warmPath }
    response.vary('Accept').vary('User-Agent').set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
    // Firefox and Safari need this challenge to forget the credentials. Chromium would show a login dialog.
    if (!/\bChrome\/|HeadlessChrome\//.test(headers['user-agent'] ?? ''))
      response.set('WWW-Authenticate', `Basic realm="${realmAndCharset}"`)
    sendAnswer(response, { ...pageAnswer('signed-out', values, negotiate(headers)), status: 401 })
  }
}
