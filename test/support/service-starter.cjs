// Starts the bundle beside it, see `service-bundle.js`, with what V8 has compiled of it before.
const { existsSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script } = require('node:vm')

const filename = join(__dirname, 'service.cjs')
const compiled = join(__dirname, 'service.compiled')
// Without the line for the shell.
const text = readFileSync(filename, 'utf8').replace('#!', '//')
const script = new Script(`(function (exports, require, module) {${text}\n})`, {
  filename,
  cachedData: existsSync(compiled) ? readFileSync(compiled) : undefined,
})
if (process.env.KEEP_COMPILED !== undefined)
  process.on('exit', () => writeFileSync(compiled, script.createCachedData()))
script.runInThisContext()(exports, require, module)
