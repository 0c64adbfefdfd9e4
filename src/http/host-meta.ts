import { type RequestHandler, Router } from 'express'
import type { Config } from '../config/config.js'
import { boshRelation, xrdNamespace } from '../namespaces.js'
import { escapeXml } from '../xml/escape.js'
import { publicSecureBase } from './addresses.js'
import { contentTypes, publish } from './answer.js'
import { readOnly } from './pages.js'

/**
 * The documents by which clients find the BOSH endpoint of a domain, if it has an https address in the settings (XEP-0156
 * §3). What a client says in `Host` is not in them: a cache between could tell it to others.
 */
export function createHostMetaRouter(config: Config): Router {
  const base = config.bosh.enabled ? publicSecureBase(config) : undefined
  const url = base && base + config.boshPath
  const router = Router({ caseSensitive: true })
  router
    .route('/.well-known/host-meta')
    .all(openToAll, readOnly)
    .get(publish('application/xrd+xml; charset=utf-8', url && writeXrd(url)))
  router
    .route('/.well-known/host-meta.json')
    .all(openToAll, readOnly)
    .get(publish(contentTypes.json, url && JSON.stringify({ links: [{ rel: boshRelation, href: url }] })))
  return router
}

/** Clients in browsers look here from whatever page they are on (XEP-0156 §3). */
const openToAll: RequestHandler = (_request, response, next) => {
  response.set('Access-Control-Allow-Origin', '*')
  next()
}

function writeXrd(url: string): string {
  const link = `<Link rel='${boshRelation}' href='${escapeXml(url)}'/>`
  return `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='${xrdNamespace}'>${link}</XRD>\n`
}
