import { type RequestHandler, Router } from 'express'
import type { Config } from '../config/config.js'
import { realmAndCharset } from '../http/access/admins.js'
import { createFormGuard } from '../http/access/form-guard.js'
import type { FormTokens } from '../http/access/form-tokens.js'
import { senderOf } from '../http/access/sender.js'
import { type Answer, pageAnswer, sendAnswer } from '../http/answers/answer.js'
import { documents } from '../http/answers/documents.js'
import { type NavigationSettings, publicNavigation, signOutPath } from '../http/answers/navigation.js'
import { negotiate } from '../http/answers/negotiation.js'
import { readOnly, redirectToTls } from '../http/answers/pages.js'
import { Problem } from '../lib/errors.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { idPattern } from '../session/sid.js'
import { type AdminPage, adminPages, type PageCall } from './admin-page.js'
import { pathForBrowsers } from './answers.js'
import { type AnsweringParts, createCalls, demandRole } from './calls.js'
import { createNumbersCalls, type Numbers } from './numbers/numbers-calls.js'
import { createEndedNotice, endedPath } from './sessions/ended-notice.js'
import { createSessionCalls } from './sessions/session-calls.js'
import { bindingPath, createBindingPage } from './warming/binding-page.js'
import { createWarm, createWarmCall, type WarmingParts } from './warming/warm-call.js'
import { createWarmForm } from './warming/warm-form.js'

/** The README is at `/docs/`, because relative links need the slash. */
const docsPath = /^\/docs(?:\/([a-z-]*))?$/

export interface WarmParts {
  readonly config: Config
  readonly hashes: WorkQueue
  readonly formTokens: FormTokens
  readonly warming: WarmingParts
  readonly answering: AnsweringParts
  readonly numbers: Numbers
}

export function createWarmRouter(parts: WarmParts): Router {
  const { hashes, formTokens, warming, numbers } = parts
  const config = parts.config.warm.enabled ? parts.config : forReaders(parts.config)
  const { sessions } = warming
  const { adminOf, admit, answering } = createCalls(config, hashes, warming.limits, parts.answering)
  const formGuard = createFormGuard(config.externalUrl, formTokens)
  const page = adminPages(config)
  const form = createWarmForm(config, page, formGuard)
  const bindingPage = createBindingPage(config, page, formTokens, sessions)
  const warm = createWarmCall(createWarm(config, warming, bindingPage), formGuard)
  const endedNotice = createEndedNotice(config, formTokens)
  const calls = createSessionCalls({
    config,
    clock: parts.answering.clock,
    sessions,
    readAudit: numbers.readAudit,
    page,
    formGuard,
    bindingPage,
    endedNotice,
  })
  const watch = createNumbersCalls(page, sessions, numbers)

  const showForm: RequestHandler = (request, response) => {
    const admin = adminOf(request)
    demandRole(admin, 'warm', ' See the list of sessions.')
    sendAnswer(response, form.blank({ request, admin, representation: negotiate(request.headers) }))
  }

  const toOwner: RequestHandler = warming.forwarding?.ofSession ?? ((_request, _response, next) => next())

  const router = Router({ caseSensitive: true })
  if (!config.warm.enabled) {
    router.use(config.warmPath, onlyReads)
    router
      .route(config.warmPath)
      .get((_request, response) => response.redirect(303, `${pathForBrowsers(config)}/sessions`))
  }
  router
    .route(config.warmPath)
    .get(redirectToTls(config, config.warmPath))
    .all(admit('GET', 'HEAD', 'POST'))
    .get(showForm)
    .post(answering('warm', warm, form.again))

  // Each POST route needs the form guard, because browsers add Basic credentials even to forms of other sites.
  const below = Router({ caseSensitive: true })
  below.route(signOutPath).all(readOnly).get(signOut(config))
  below
    .route(docsPath)
    .all(admit('GET', 'HEAD'))
    .get((request, response) => {
      const call = { request, admin: adminOf(request), representation: negotiate(request.headers) }
      sendAnswer(response, docsPage(`${pathForBrowsers(config)}/docs/`, page, call))
    })
  below
    .route('/sessions')
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(answering('sessions', calls.list, calls.listWithMistake))
    .delete(answering('logout', calls.logOutEverywhere))
  below.route('/numbers').all(admit('GET', 'HEAD')).get(answering('numbers', watch.numbers))
  below.route('/failures').all(admit('GET', 'HEAD')).get(answering('failures', watch.failures))
  below
    .route('/audit')
    .all(admit('GET', 'HEAD'))
    .get(answering('audit', watch.audit, watch.auditWithMistake))
  below
    .route('/sessions/end')
    .all(admit('GET', 'HEAD', 'POST'))
    .get(answering('sessions', calls.askWhetherToEndMany))
    .post(answering('logout', calls.endManyByForm))
  below.route(`/sessions${endedPath}`).all(admit('GET', 'HEAD')).get(answering('sessions', calls.showEnded))
  below
    .route(sessionPath(''))
    .all(admit('GET', 'HEAD', 'DELETE'))
    .get(toOwner)
    .get(answering('sessions', calls.show, calls.showPast))
    .delete(answering('logout', calls.logOut))
  below
    .route(sessionPath('/end'))
    .all(admit('GET', 'HEAD', 'POST'))
    .get(answering('sessions', calls.askWhetherToEnd))
    .post(answering('logout', calls.endByForm))
  below.route(sessionPath(bindingPath)).all(admit('GET', 'HEAD')).get(answering('sessions', bindingPage.show))
  below.route(sessionPath('/resume')).all(admit('POST')).post(toOwner, answering('resume', calls.resume))
  router.use(config.warmPath, below)
  return router
}

/** Without the warm API, admins of any role that may look can do nothing else. */
const forReaders = (config: Config): Config => ({
  ...config,
  admins: config.admins.filter(({ role }) => role !== 'warm').map(admin => ({ ...admin, role: 'read' })),
})

/** Forms that end sessions are no reads, because their answers are calls of the warm API. */
const onlyReads: RequestHandler = ({ method, path }, _response, next) => {
  const isRead = method === 'GET' || method === 'HEAD'
  if (method === 'OPTIONS' || (isRead && !/\/end\/?$/.test(path))) return next()
  const detail = 'The warm API is off here. WARM_ENABLED=pages serves only the pages for admins.'
  throw new Problem('not-found', { detail, setting: 'WARM_ENABLED' })
}

/** Also matches text that is no id, which gets `session-not-found`. */
function sessionPath(rest: string): RegExp {
  return new RegExp(`^/(?:(?<id>${idPattern})|[^/]+)${rest}/?$`)
}

/** HTTP Basic has no sign-out, but after a 401 browsers forget the credentials. */
function signOut(config: NavigationSettings): RequestHandler {
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

/** `folder` is the path of the README. */
function docsPage(folder: string, page: AdminPage, call: PageCall): Answer {
  const { 0: name } = call.request.params
  if (name === undefined && documents.size > 0) return { status: 302, headers: { Location: folder }, body: '' }
  const document = documents.get(String(name))
  if (document === undefined) throw new Problem('not-found')
  const links = Array.from(documents, ([each, { title, group }]) => ({
    href: folder + each,
    text: title,
    group,
    isCurrent: each === name,
  }))
  const names = [...new Set(links.map(({ group }) => group))]
  const groups = names.map(group => ({ group, links: links.filter(link => link.group === group) }))
  const { title, contents, intro, body } = document
  return page('docs', 'docs', call, { title, contents, intro, body, groups })
}
