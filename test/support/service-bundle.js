// The built service as one file, for the scenarios and peers of `npm test`, which start it 200 times: Node loads
// one file in a quarter of the time that it takes for the 900 of dist/ and its packages. With `WARM_TEST_MATRIX`
// tests start `dist/main.js` as it is shipped; the tests of the command, the demo and the images do so always.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const main = join(dist, 'main.js')

/** Where a bundle finds the packages that are not in it. */
const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url))

/** Lets modules find views, documents and packages where dist/ does. */
const ownAddresses = {
  name: 'own addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (!path.startsWith(dist)) return undefined
      const text = await readFile(path, 'utf8')
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)) }
    })
  },
}

/** Called by Jest before its first test; `BUNDLED_SERVICE` says where the bundle is. */
export default async function bundleService() {
  if (process.env.WARM_TEST_MATRIX || !existsSync(main)) return
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'warm-service-'))
  await build({
    entryPoints: { main },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    // Loaded on demand only; some of its classes are undefined in a bundle.
    external: ['@nats-io/*'],
    platform: 'node',
    format: 'esm',
    // For the CommonJS among the packages.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [ownAddresses],
    logLevel: 'error',
  })
  process.env.BUNDLED_SERVICE = join(folder, 'main.mjs')
}
