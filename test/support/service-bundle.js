// The built service as one compiled file, for the scenarios and peers of `npm test`, which start it 200 times. Node
// loads this file much faster than the 900 files of dist/ and its packages. With `WARM_TEST_MATRIX`, tests start
// `dist/main.js` as it is shipped. The tests of the command, the demo and the images always do.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile } from 'node:fs/promises'
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
    entryPoints: { service: main },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    // Loaded on demand only; some of its classes are undefined in a bundle.
    external: ['@redis/client'],
    platform: 'node',
    format: 'cjs',
    // A script from V8's cache cannot use `import()`, so packages outside of the bundle are loaded by `require`.
    supported: { 'dynamic-import': false },
    plugins: [ownAddresses],
    logLevel: 'error',
  })
  const starter = join(folder, 'main.cjs')
  await copyFile(new URL('service-starter.cjs', import.meta.url), starter)
  await compile(starter)
  process.env.BUNDLED_SERVICE = starter
}

/** Runs the service until it listens. At its exit, the service stores V8's compiled code. */
async function compile(starter) {
  const service = spawn(process.execPath, [starter], {
    env: {
      PATH: process.env.PATH,
      KEEP_COMPILED: 'yes',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_ADDRESS: 'none',
      ADMIN_USERS: 'admin:a-secret-of-the-tests',
      XMPP_DOMAINS: 'localhost',
      XMPP_SERVERS: 'localhost=xmpp://127.0.0.1:1?tls=none',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  })
  service.stdout.once('data', () => service.kill('SIGTERM'))
  await once(service, 'close')
}
