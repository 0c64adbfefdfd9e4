import { type RequestHandler, Router } from 'express'
import type { Config } from '../config/config.js'
import { Problem } from '../errors.js'
import { boshRelation, xrdNamespace } from '../namespaces.js'
import { escapeXml } from '../xml/escape.js'
import { secureBase } from './addresses.js'
import { sendAnswer } from './answer.js'

/** The documents by which clients find the BOSH endpoint of a domain, if it has an https address (XEP-0156 §3). */
export function createHostMetaRouter(config: Config): Router {
  const publish =
    (contentType: string, write: (url: string) => string): RequestHandler =>
    (request, response) => {
      // Clients in browsers look here from whatever page they are on (XEP-0156 §3).
      response.set('Access-Control-Allow-Origin', '*')
      const base = config.bosh.enabled ? secureBase(config, request) : undefined
      if (base === undefined) throw new Problem('not-found')
      const headers = { 'Content-Type': contentType, 'Cache-Control': 'no-cache' }
      sendAnswer(response, { status: 200, headers, body: write(base + config.boshPath) })
    }

  const refuseOtherMethods: RequestHandler = (_request, response) => {
    response.set({ Allow: 'GET, HEAD', 'Access-Control-Allow-Origin': '*' })
    throw new Problem('method-not-allowed')
  }

  const router = Router()
  router
    .route('/.well-known/host-meta')
    .get(publish('application/xrd+xml; charset=utf-8', writeXrd))
    .all(refuseOtherMethods)
  router
    .route('/.well-known/host-meta.json')
    .get(publish('application/json', writeJson))
    .all(refuseOtherMethods)
  return router
}

function writeXrd(url: string): string {
  const link = `<Link rel='${boshRelation}' href='${escapeXml(url)}'/>`
  return `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='${xrdNamespace}'>${link}</XRD>\n`
}

function writeJson(url: string): string {
  return JSON.stringify({ links: [{ rel: boshRelation, href: url }] })
}
