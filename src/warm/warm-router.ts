import { type RequestHandler, Router } from 'express'
import type { Config } from '../config/config.js'
import { adminOf, realmAndCharset } from '../http/access/admins.js'
import { createFormGuard } from '../http/access/form-guard.js'
import type { FormTokens } from '../http/access/form-tokens.js'
import { senderOf } from '../http/access/sender.js'
import { type Answer, pageAnswer, sendAnswer } from '../http/answers/answer.js'
import { documentSections, documents } from '../http/answers/documents.js'
import { type NavigationSettings, publicNavigation, signOutPath } from '../http/answers/navigation.js'
import { negotiate } from '../http/answers/negotiation.js'
import { readOnly, redirectToTls } from '../http/answers/pages.js'
import { Problem } from '../lib/errors.js'
import type { WorkQueue } from '../lib/limits/work-queue.js'
import { idPattern } from '../session/sid.js'
import { type AdminPage, adminPages, livePage, type PageCall } from './admin-page.js'
import { pathForBrowsers } from './answers.js'
import { type AnsweringParts, createCalls, demandRole } from './calls.js'
import { createNumbersCalls, type Numbers } from './numbers/numbers-calls.js'
import { EndCalls } from './sessions/end-calls.js'
import { createEndedNotice, endedPath } from './sessions/ended-notice.js'
import { createSessionCalls } from './sessions/session-calls.js'
import { bindingPath, createBindingPage } from './warming/binding-page.js'
import { createWarmCall, WarmCalls, type WarmingParts } from './warming/warm-call.js'
import { createWarmForm } from './warming/warm-form.js'

/** The README is at `/docs/`, because relative links need the slash. */
const docsPath = /^\/docs(?:\/([a-z-]*))?$/

/** Texts of all documents, for the search in pages. */
const docsSearchPath = '/docs/search.json'

export interface WarmParts {
  readonly hashes: WorkQueue
  readonly formTokens: FormTokens
  readonly answering: AnsweringParts
  readonly numbers: Numbers
}

/** Each POST route needs the form guard, because browsers add Basic credentials even to forms of other sites. */
export function createWarmRouter(settings: Config, warming: WarmingParts, parts: WarmParts): Router {
  const { hashes, formTokens, numbers } = parts
  const { clock } = parts.answering
  const config = settings.warm.enabled ? settings : forReaders(settings)
  const { sessions } = warming
  const { readAudit } = numbers
  const { admit, answering } = createCalls(config, hashes, warming.limits, parts.answering)
  const formGuard = createFormGuard(config.externalUrl, formTokens)
  const page = adminPages(config)
  const form = createWarmForm(config, page, formGuard)
  const bindingPage = createBindingPage(config, page, formTokens, sessions)
  const endedNotice = createEndedNotice(config, formTokens)
  const warm = createWarmCall(new WarmCalls(config, warming, bindingPage), formGuard)
  const counted = createNumbersCalls(page, sessions, numbers)
  const calls = createSessionCalls({ config, clock, sessions, readAudit, page, formGuard, bindingPage, endedNotice })
  const ends = new EndCalls({ config, clock, sessions, page, formGuard, endedNotice })
  /** Forwards the call if another process has the session. */
  const toOwner: RequestHandler = warming.forwarding?.ofSession ?? ((_request, _response, next) => next())

  const showForm: RequestHandler = (request, response) => {
    const admin = adminOf(request)!
    demandRole(admin, 'warm', ' See the list of sessions.')
    sendAnswer(response, form.blank({ request, admin, representation: negotiate(request.headers) }))
  }
  const showDocument: RequestHandler = (request, response) => {
    const call = { request, admin: adminOf(request)!, representation: negotiate(request.headers) }
    sendAnswer(response, docsPage(`${pathForBrowsers(config)}/docs/`, page, call))
  }

  const router = Router({ caseSensitive: true })
  if (!config.warm.enabled) {
    router.use(config.warmPath, onlyReads)
    router.get(config.warmPath, (_request, response) => response.redirect(303, `${pathForBrowsers(config)}/sessions`))
  }
  router.get(config.warmPath, redirectToTls(config, config.warmPath))
  routing(router, admit)(config.warmPath, { get: showForm, post: answering('warm', warm, form.again) })

  const below = Router({ caseSensitive: true })
  const route = routing(below, admit)
  below.route(signOutPath).all(readOnly).get(signOut(config))
  route(docsPath, { get: showDocument })
  route(docsSearchPath, { get: sendDocumentSections })
  route('/numbers', { get: answering('numbers', counted.numbers) })
  route('/failures', { get: answering('failures', counted.failures) })
  route('/audit', { get: answering('audit', counted.audit, counted.auditWithMistake) })
  route('/sessions', {
    get: answering('sessions', calls.list, calls.listWithMistake),
    delete: answering('logout', ends.logOutEverywhere),
  })
  route('/sessions/end', {
    get: answering('sessions', ends.askWhetherToEndMany),
    post: answering('logout', ends.endManyByForm),
  })
  route(`/sessions${endedPath}`, { get: answering('sessions', ends.showEnded) })
  route(sessionPath(''), {
    get: [toOwner, answering('sessions', calls.show, calls.showPast)],
    delete: [toOwner, answering('logout', ends.logOut)],
  })
  route(sessionPath('/end'), {
    get: [toOwner, answering('sessions', ends.askWhetherToEnd)],
    post: [toOwner, answering('logout', ends.endByForm)],
  })
  route(sessionPath(bindingPath), { get: answering('sessions', bindingPage.show) })
  route(sessionPath('/resume'), { post: [toOwner, answering('resume', calls.resume)] })
  router.use(config.warmPath, below)
  return router
}

type Handlers = Partial<Readonly<Record<'get' | 'post' | 'delete', RequestHandler | RequestHandler[]>>>

/** Returns a function that serves a path by these methods, and by HEAD and OPTIONS. */
function routing(router: Router, admit: ReturnType<typeof createCalls>['admit']) {
  return (path: string | RegExp, handlers: Handlers): void => {
    const methods = Object.keys(handlers) as (keyof Handlers)[]
    const admitted = methods.flatMap(method => (method === 'get' ? ['GET', 'HEAD'] : method.toUpperCase()))
    const route = router.route(path).all(admit(...admitted))
    for (const method of methods) route[method](handlers[method]!)
  }
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
  if (name === undefined) return { status: 302, headers: { Location: folder }, body: '' }
  const document = documents.get(String(name))
  if (document === undefined) throw new Problem('not-found')
  const links = Array.from(documents, ([each, { title, group }]) => ({
    href: folder + each,
    text: title,
    group,
    isCurrent: each === name,
  }))
  const at = links.findIndex(({ isCurrent }) => isCurrent)
  const names = [...new Set(links.map(({ group }) => group))]
  const groups = names.map(group => ({ group, links: links.filter(link => link.group === group) }))
  const { title, contents, intro, body } = document
  const around = { previous: links[at - 1], next: links[at + 1] }
  return livePage(page('docs', 'docs', call, { title, contents, intro, body, groups, ...around }))
}

let sections: string | undefined

const sendDocumentSections: RequestHandler = (_request, response) => {
  sections ??= JSON.stringify(documentSections())
  const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'private, max-age=600' }
  sendAnswer(response, { status: 200, headers, body: sections })
}
