// In memory: a file sent as a stream stays open after its client has gone.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RequestHandler, Router } from 'express'
import { version } from '../../lib/package-json.js'

/** The same path from `src` and from `dist`. */
const own = fileURLToPath(new URL('../../../public/', import.meta.url))

const strophe = join(
  dirname(createRequire(import.meta.url).resolve('strophe.js/package.json')),
  'dist/strophe.umd.min.js',
)

const browserModule = fileURLToPath(new URL('../../../dist/browser/warm-bindings.js', import.meta.url))

const forAnHour = 'public, max-age=3600'
const forGood = 'public, max-age=31536000, immutable'

interface Asset {
  readonly content: Buffer
  readonly extension: string
  readonly headers: Readonly<Record<string, string>>
}

/** Shared by the apps of all hosts. */
const assets = new Map<string, Asset>()

function assetOf(file: string): Asset | undefined {
  let asset = assets.get(file)
  if (asset === undefined && statSync(file, { throwIfNoEntry: false })?.isFile()) {
    const content = readFileSync(file)
    asset = {
      content,
      extension: extname(file),
      headers: {
        ETag: `"${createHash('sha256').update(content).digest('base64url')}"`,
        'Last-Modified': statSync(file).mtime.toUTCString(),
      },
    }
    assets.set(file, asset)
  }
  return asset
}

export function createAssetsRouter(): Router {
  const router = Router({ caseSensitive: true })
  const provide = (path: string, file: string, headers: Readonly<Record<string, string>>) => {
    const asset = assetOf(file)
    if (asset !== undefined) router.get(path, send(asset, headers))
  }
  for (const name of readdirSync(own)) provide(`/${name}`, join(own, name), { 'Cache-Control': forAnHour })
  provide('/strophe.js', strophe, { 'Cache-Control': forAnHour })
  const forAll = { 'Access-Control-Allow-Origin': '*' }
  provide('/warm-bindings.js', browserModule, { ...forAll, 'Cache-Control': forAnHour })
  provide(`/warm-bindings-${version}.js`, browserModule, { ...forAll, 'Cache-Control': forGood })
  return router
}

function send({ content, extension, headers }: Asset, more: Asset['headers']): RequestHandler {
  const all = { ...headers, ...more }
  // Express answers 304 and HEAD.
  return (_request, response) => void response.type(extension).set(all).send(content)
}
