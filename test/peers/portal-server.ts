// The server of a portal's pages, with Strophe and the service's modules under `/assets`.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { type Router } from 'express'
import { Listener } from '../support/listener.js'
import { root } from '../support/repository.js'

export function servePortal(routers: readonly Router[]): Promise<Listener> {
  const app = express()
  app.use('/assets', express.static(`${root}/dist/browser`))
  const strophe = dirname(createRequire(import.meta.url).resolve('strophe.js/package.json'))
  app.get('/assets/strophe.js', (_request, response) => response.sendFile('dist/strophe.umd.min.js', { root: strophe }))
  for (const router of routers) app.use(router)
  return Listener.start(createServer(app))
}
