import { request as callHttp } from 'node:http'
import { json } from 'node:stream/consumers'
import { type RequestHandler, Router } from 'express'
import type { Config } from '../../config/config.js'
import { homePath } from '../../http/addresses.js'
import { sendPage } from '../../http/answers/answer.js'
import { publicNavigation } from '../../http/answers/navigation.js'
import { attachingPagePolicy, methodNotAllowed, readOnly } from '../../http/answers/pages.js'
import { bodyFormat, readBody } from '../../http/bodies/read-body.js'
import { Problem } from '../../lib/errors.js'
import { domain, titleOf } from './stanza.js'

export const demoPath = '/demo'
/** The user of a closed tab looks online for this time. */
const mostPauseSeconds = 8

/** `admin`: name and password of an admin. */
export function createDemoRouter(config: Config, admin: string, passwords: Readonly<Record<string, string>>): Router {
  const names = Object.keys(passwords)
  const home = homePath(config.externalUrl)

  const showPage: RequestHandler = (request, response) => {
    const panes = names.map((name, index) => {
      const other = names[(index + 1) % names.length]!
      return {
        name,
        title: titleOf(name),
        initial: name.charAt(0).toUpperCase(),
        jid: `${name}@${domain}`,
        otherJid: `${other}@${domain}`,
        otherTitle: titleOf(other),
      }
    })
    response.set({
      'Content-Security-Policy': attachingPagePolicy(config.boshPath),
      'Referrer-Policy': 'same-origin',
    })
    const overWebSocket = request.query['transport'] === 'websocket'
    const transport = overWebSocket ? 'websocket' : 'bosh'
    const values = overWebSocket ? ['jid', 'token'] : ['jid', 'sid', 'rid']
    const form = home + config.warmPath
    const navigation = publicNavigation(config)
    sendPage(request, response, 'demo', { panes, transport, overWebSocket, values, home, navigation, form })
  }

  /** Calls the warm API as the backend of a portal does. */
  const warm: RequestHandler = async (request, response, next) => {
    if (bodyFormat(request.headers['content-type']) !== 'json') throw new Problem('unsupported-media-type')
    const { account, tab } = readFields(await readBody(request))
    const password = Object.hasOwn(passwords, account) ? passwords[account] : undefined
    if (password === undefined)
      throw new Problem('invalid-parameter', { detail: `Parameter: account. One of ${names.join(', ')}.` })
    // Long enough that another tab cannot guess the name.
    const ofTab = /^\w{20,40}$/.test(tab) && { visit: 'demo', tab }
    const call = callHttp({
      host: request.socket.localAddress,
      port: request.socket.localPort,
      path: config.warmPath,
      method: 'POST',
      auth: admin,
      headers: { Host: request.headers.host, 'Content-Type': 'application/json', Accept: 'application/json' },
    })
    call.on('response', answer => {
      json(answer).then(told => {
        const binding = answer.statusCode === 200 ? { ...(told as object), maxpause: mostPauseSeconds } : told
        response.writeHead(answer.statusCode!, { 'Content-Type': answer.headers['content-type'] })
        response.end(JSON.stringify(binding))
      }, next)
    })
    call.on('error', next)
    response.on('close', () => call.destroy())
    call.end(JSON.stringify({ jid: `${account}@${domain}`, password, ...ofTab }))
  }

  const router = Router({ caseSensitive: true })
  router.route(demoPath).all(requireThisMachine, readOnly).get(showPage)
  router
    .route(`${demoPath}/warm`)
    .all(requireThisMachine)
    .post(requireOwnPage, warm)
    .all((_request, response) => {
      response.set('Allow', 'POST')
      throw methodNotAllowed('POST')
    })
  return router
}

/** Prevents DNS rebinding: if another site's name points to 127.0.0.1, `Host` has that name. */
const requireThisMachine: RequestHandler = ({ headers }, response, next) => {
  const isLocal = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(headers.host ?? '')
  if (!isLocal || headers['sec-fetch-site'] === 'cross-site') {
    throw new Problem('cross-site-request', { detail: 'Type the address of the demo as it was printed.' })
  }
  response.set('Cache-Control', 'no-store')
  next()
}

/** Only the demo's page may call, because the call needs no password. */
const requireOwnPage: RequestHandler = ({ headers }, _response, next) => {
  const isOwn = headers.origin?.toLowerCase() === `http://${headers.host}`.toLowerCase()
  if (!isOwn || (headers['sec-fetch-site'] ?? 'same-origin') !== 'same-origin') {
    throw new Problem('cross-site-request')
  }
  next()
}

function readFields(body: Buffer): { readonly account: string; readonly tab: string } {
  try {
    const { account, tab } = JSON.parse(body.toString())
    return { account: String(account), tab: String(tab) }
  } catch {
    throw new Problem('invalid-body', { detail: 'It is not a JSON object.' })
  }
}
