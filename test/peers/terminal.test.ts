// The command at a terminal: typed secrets are not shown.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/command/demo/server.js'
import { eventually } from '../support/eventually.js'
import { root } from '../support/repository.js'
import { describeWith } from './needs.js'

const main = join(root, 'dist', 'main.js')

let server: DemoServer

beforeAll(async () => {
  server = await startDemoServer({ alice: 'wonderland' })
})

afterAll(() => server.stop())

/** Runs the command at a terminal of its own, types this once it asks, and resolves with what the terminal shows. */
async function atTerminal(command: string, typed: string): Promise<{ exit: number | null; shown: string }> {
  const { PATH = '' } = process.env
  const child = spawn('script', ['-qec', `${process.execPath} ${main} ${command}`, '/dev/null'], {
    env: {
      ...{ PATH, XMPP_DOMAINS: 'localhost' },
      XMPP_SERVERS: `localhost=xmpp://127.0.0.1:${server.port}?tls=none`,
    },
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    shown += text
  })
  const exit = new Promise<number | null>(resolve => child.once('close', resolve))
  await eventually('it asks for the secret', () => shown.includes('(it is not shown): '))
  child.stdin.write(typed)
  return { exit: await exit, shown }
}

describeWith(['bsdutils'], 'The command at a terminal', () => {
  test('asks for the password of `warm` and does not show it', async () => {
    const { exit, shown } = await atTerminal('warm alice@localhost', 'wonderland\r')
    expect(shown).toContain('Password of alice@localhost (it is not shown): ')
    expect(shown).toContain('alice@localhost can be logged in')
    expect(shown).not.toContain('wonder')
    expect(exit).toBe(0)
  })

  test('hashes the typed secret of `hash-password` and does not show it', async () => {
    const { exit, shown } = await atTerminal('hash-password', 'wonderlan\x7fnd\r')
    expect(shown).toMatch(/^Secret \(it is not shown\): \s+scrypt\$\S+\s*$/)
    expect(shown).not.toContain('wonder')
    expect(exit).toBe(0)
  })

  test.each(['\x03', '\x04'])('exits with 1 after the key %j', async key => {
    const { exit, shown } = await atTerminal('warm alice@localhost', key)
    expect(shown).toContain('No password was entered.')
    expect(exit).toBe(1)
    expect(server.connections).toBe(0)
  })
})
