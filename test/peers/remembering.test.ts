// Credentials (`remember`) at real servers work until the password changes.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { startEjabberd } from '../support/ejabberd.js'
import { eventually } from '../support/eventually.js'
import { startProsody } from '../support/prosody.js'
import { majorOf } from '../support/server-process.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { testFolder } from '../support/test-folder.js'
import { describeWith } from './needs.js'
import type { XmppServer } from './servers.js'
import { User } from './user.js'
import { connectionsOf } from './wire.js'

const SEAL_KEY_FILE = testFolder().file('seal.key', randomBytes(32).toString('base64'))

const jid = 'alice@localhost'
const users = { alice: 'wonderland', bob: 'builder' }
const sasl2 = `
plugin_paths = { "/usr/lib/prosody/modules" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "sasl2", "sasl2_bind2" }
`

type Server = XmppServer & { change(password: string): Promise<void> }

const kinds: readonly { name: string; packages: readonly string[]; start(): Promise<Server> }[] = [
  {
    name: 'Prosody',
    packages: ['prosody', 'prosody-modules', 'openssl'],
    async start() {
      // These modules break streams in 0.12.
      const prosody = await startProsody({ users, config: majorOf('prosody') >= 13 ? sasl2 : '' })
      return { ...prosody, change: password => prosody.register('alice', password) }
    },
  },
  {
    name: 'ejabberd',
    packages: ['ejabberd', 'openssl'],
    async start() {
      const ejabberd = await startEjabberd({ users, modules: '  mod_admin_extra: {}' })
      return { ...ejabberd, change: password => ejabberd.changePassword('alice', password) }
    },
  },
]

let server: XmppServer
let here: TestService

async function open(starting: Promise<XmppServer>): Promise<void> {
  server = await starting
  const servers = `localhost=xmpp://127.0.0.1:${server.c2sPort}?ca=${server.caFile}`
  here = await startTestService({ servers, environment: { SEAL_KEY_FILE } })
}

async function close(): Promise<void> {
  await here?.stop()
  await server?.stop()
}

async function isLeft(): Promise<void> {
  await eventually('no session and no link left', () => {
    const { sessions, links } = here.service.counts()
    return sessions + links === 0
  })
  await eventually('no connection left at the server', () => connectionsOf(server.c2sPort) === 0)
}

/** Warms a session, in which the user sends a message to itself. */
async function use(parameters: Record<string, string>): Promise<string> {
  const binding = await here.bind(parameters)
  const user = User.attach(binding.url, binding)
  try {
    user.say(user.jid, 'to myself')
    await user.receives('to myself')
  } finally {
    await user.leave()
  }
  return String((binding as unknown as Record<string, unknown>)['credential'])
}

const refusal = async (parameters: Record<string, string>) => {
  const { status, json } = await here.warm(parameters)
  return [status, json['code'], json['step']]
}

for (const kind of kinds) {
  describeWith(kind.packages, `A credential for ${kind.name}`, () => {
    let change: Server['change']
    beforeAll(async () => {
      const started = kind.start()
      await open(started)
      change = (await started).change
    })
    afterEach(isLeft)
    afterAll(close)

    test('replaces the password until it changes, then gets 403 credentials-expired', async () => {
      const credential = await use({ jid, password: users.alice, remember: 'on' })
      expect(credential).toMatch(/^[\w-]{300,2048}$/)
      for (let login = 1; login <= 3; login += 1) await use({ jid, credential })
      await change('looking-glass')
      expect(await refusal({ jid, credential })).toEqual([403, 'credentials-expired', 'sasl'])
      const next = await use({ jid, password: 'looking-glass', remember: 'on' })
      await use({ jid, credential: next })
      expect(await refusal({ jid, credential })).toEqual([403, 'credentials-expired', 'sasl'])
      expect(here.lines.join('\n')).not.toContain(credential)
    })
  })
}

describeWith(['ejabberd', 'openssl'], 'A user of an ejabberd that stores plain passwords', () => {
  beforeAll(() => open(startEjabberd({ users, authentication: 'auth_method: internal\nauth_password_format: plain' })))
  afterEach(isLeft)
  afterAll(close)

  test('gets 409 cannot-remember, and logs in without `remember`', async () => {
    const parameters = { jid, password: users.alice }
    expect(await refusal({ ...parameters, remember: 'on' })).toEqual([409, 'cannot-remember', 'sasl'])
    await use(parameters)
  })
})
