// The server of a portal's pages, with Strophe and the service's modules under `/assets`.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import express, { type Router } from 'express'
import { repository } from './documented.js'

export async function servePortal(routers: readonly Router[]) {
  const app = express()
  app.use('/assets', express.static(`${repository}dist/browser`))
  const strophe = dirname(createRequire(import.meta.url).resolve('strophe.js/package.json'))
  app.get('/assets/strophe.js', (_request, response) => response.sendFile('dist/strophe.umd.min.js', { root: strophe }))
  for (const router of routers) app.use(router)
  const listener = createServer(app)
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>(resolve => {
        listener.close(() => resolve())
        listener.closeAllConnections()
      }),
  }
}
