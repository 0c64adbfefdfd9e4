import { type RequestHandler, Router } from 'express'
import type { Config } from '../../config/config.js'
import { boshRelation, websocketRelation, xrdNamespace } from '../../xmpp/namespaces.js'
import { escapeXml } from '../../xmpp/xml/escape.js'
import { publicSecureBase } from '../addresses.js'
import { contentTypes, publish } from './answer.js'
import { readOnly } from './pages.js'

type Endpoints = Pick<Config, 'externalUrl' | 'bosh' | 'boshPath' | 'websocket' | 'websocketPath'>

/** XEP-0156 §2. */
export function createHostMetaRouter(config: Endpoints): Router {
  const links = linksOf(config)
  const router = Router({ caseSensitive: true })
  const provide = (name: string, type: string, text: string) =>
    router
      .route(`/.well-known/${name}`)
      .all(openToAll, readOnly)
      .get(publish(type, links.length > 0 ? text : undefined))
  provide('host-meta', 'application/xrd+xml; charset=utf-8', writeXrd(links))
  provide('host-meta.json', contentTypes.json, JSON.stringify({ links }))
  return router
}

const openToAll: RequestHandler = (_request, response, next) => {
  response.set('Access-Control-Allow-Origin', '*')
  next()
}

function linksOf({ externalUrl, bosh, boshPath, websocket, websocketPath }: Endpoints) {
  const links: { readonly rel: string; readonly href: string }[] = []
  const base = publicSecureBase({ externalUrl })
  if (base !== undefined && bosh.enabled) links.push({ rel: boshRelation, href: base + boshPath })
  if (base !== undefined && websocket.enabled)
    links.push({ rel: websocketRelation, href: base.replace(/^https:/, 'wss:') + websocketPath })
  return links
}

function writeXrd(links: ReturnType<typeof linksOf>): string {
  const elements = links.map(({ rel, href }) => `<Link rel='${rel}' href='${escapeXml(href)}'/>`).join('')
  return `<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='${xrdNamespace}'>${elements}</XRD>\n`
}
