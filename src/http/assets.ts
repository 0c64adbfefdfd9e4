import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import express, { Router } from 'express'

/** Styles, scripts and pictures of our own; `src` and `dist` lie beside them. */
const own = fileURLToPath(new URL('../../public/', import.meta.url))

/** Strophe as its package has it: the pages load nothing from elsewhere. */
const strophe = join(dirname(createRequire(import.meta.url).resolve('strophe.js/package.json')), 'dist')

/** What the pages load, to be mounted at `/assets`. Nothing in it is secret, and browsers may keep it for an hour. */
export function createAssetsRouter(): Router {
  const router = Router({ caseSensitive: true })
  router.get('/strophe.js', (_request, response) => {
    response.sendFile('strophe.umd.min.js', { root: strophe, maxAge: '1h' })
  })
  router.use(express.static(own, { index: false, redirect: false, maxAge: '1h' }))
  return router
}
