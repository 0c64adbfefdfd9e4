// `npm run hash-password`: turns a secret that is typed or piped in into what ADMIN_USERS may hold instead of it.
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { hashSecret } from '../config/secret-hash.js'

/** Asks for the secret without showing it; a pipe is not asked. */
async function readSecret(): Promise<string> {
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silence, terminal: process.stdin.isTTY })
  if (process.stdin.isTTY) process.stderr.write('Secret (it is not shown): ')
  for await (const line of lines) {
    lines.close()
    if (process.stdin.isTTY) process.stderr.write('\n')
    return line
  }
  return ''
}

const secret = await readSecret()
if (secret === '') {
  process.stderr.write('There was no secret to hash.\n')
  process.exit(1)
}
process.stdout.write(`${await hashSecret(secret)}\n`)
