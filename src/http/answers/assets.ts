// Assets are sent from memory, because a streamed file would stay open if its client disappeared.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Router } from 'express'
import { version as ownVersion } from '../../lib/package-json.js'

const own = fileURLToPath(new URL('../../../public/', import.meta.url))

const { resolve } = createRequire(import.meta.url)
const strophe = join(dirname(resolve('strophe.js/package.json')), 'dist/strophe.umd.min.js')

const modules = fileURLToPath(new URL('../../../dist/browser/', import.meta.url))

const forAnHour = 'public, max-age=3600'
const forGood = 'public, max-age=31536000, immutable'

/** For pages of portals: with COEP, they load only scripts with these headers. `integrity` needs the first. */
const forAll = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' }

const contents = new Map<string, Buffer>()

function contentOf(file: string): Buffer {
  const content = contents.get(file) ?? readFileSync(file)
  contents.set(file, content)
  return content
}

export function createAssetsRouter(version = ownVersion): Router {
  const router = Router({ caseSensitive: true })
  const provide = (path: string, file: string, headers: Readonly<Record<string, string>>) => {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (stats?.isFile() !== true) return
    const content = contentOf(file)
    const all = {
      ETag: `"${createHash('sha256').update(content).digest('base64url')}"`,
      'Last-Modified': stats.mtime.toUTCString(),
      ...headers,
    }
    router.get(path, (_request, response) => void response.type(extname(file)).set(all).send(content))
  }
  for (const name of readdirSync(own)) provide(`/${name}`, join(own, name), { 'Cache-Control': forAnHour })
  provide('/strophe.js', strophe, { ...forAll, 'Cache-Control': forAnHour })
  // Express and some proxies interpret a plus in a path.
  const build = version.replace('+', '.')
  for (const name of ['warm-bindings', 'warm-bindings-more', 'warm-bindings-converse']) {
    const file = join(modules, `${name}.js`)
    provide(`/${name}.js`, file, { ...forAll, 'Cache-Control': forAnHour })
    provide(`/${name}-${build}.js`, file, { ...forAll, 'Cache-Control': forGood })
  }
  return router
}
