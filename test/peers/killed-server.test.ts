// An XMPP server is killed and restarted. Two users of another server chat meanwhile.
// Runs in npm run test:all only: `restarted-pages.test.ts` and `returned-messages.test.ts` have ends of services and servers.
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type DemoServer, startDemoServer } from '../../src/demo/server.js'
import { Conversation, talkers } from '../support/conversation.js'
import { eventually } from '../support/eventually.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import { startTestService, type TestService } from '../support/start-service.js'
import { unlimited } from '../support/unlimited.js'
import { describeWith } from './needs.js'
import { User } from './user.js'
import { connectionsOf } from './wire.js'

const alice = { jid: 'alice@chat.example', password: 'wonderland' }
const pages = 20

describeWith(['prosody', 'openssl'], 'A killed Prosody', () => {
  let prosody: Prosody
  let healthy: DemoServer
  let here: TestService
  let conversation: Conversation

  beforeAll(async () => {
    healthy = await startDemoServer(talkers)
    prosody = await startProsody({ domain: 'chat.example', users: { alice: alice.password } })
    here = await startTestService({
      servers:
        `localhost=xmpp://127.0.0.1:${healthy.port}?tls=none,` +
        `chat.example=xmpp://127.0.0.1:${prosody.c2sPort}?ca=${prosody.caFile}`,
      environment: {
        ...unlimited,
        XMPP_DOMAINS: 'localhost,chat.example',
        LINK_RESUME_TIME: '1',
        LOG_LEVEL: 'info',
      },
    })
    conversation = await Conversation.begin(here)
  })

  afterAll(async () => {
    await here?.stop()
    await healthy?.stop()
    await prosody?.stop()
  })

  test('ends only its own sessions, and is used again after its restart', async () => {
    const attach = async () => {
      const binding = await here.bind(alice)
      return User.attach(binding.url, binding)
    }
    const users = await Promise.all(Array.from({ length: pages }, attach))
    await Promise.all(users.map(user => user.isUpToDate()))
    // This login is in its handshake when the server is killed.
    process.kill(prosody.pid, 'SIGSTOP')
    const underWay = here.warm(alice)
    await eventually('a login is under way', () => here.service.counts().links === pages + 3)
    await conversation.goesOn()

    await prosody.kill()
    const told = await Promise.all(users.map(user => user.receives("type='terminate'")))
    for (const body of told) expect(body).toContain("condition='remote-stream-error'")
    expect(await underWay).toMatchObject({
      status: 502,
      json: { code: 'remote-connection-failed', step: 'tls' },
    })
    for (let time = 0; time < 5; time++) {
      expect(await here.warm(alice)).toMatchObject({
        status: 502,
        json: { code: 'remote-connection-failed', step: 'connect' },
      })
      await conversation.goesOn()
    }
    const left = () => {
      const { sessions, links } = here.service.counts()
      return { sessions, links, connections: connectionsOf(prosody.c2sPort) }
    }
    const nothing = { sessions: 2, links: 2, connections: 0 }
    await eventually('its sessions, links and connections are gone', () => isDeepStrictEqual(left(), nothing)).catch(
      () => {},
    )
    expect(left()).toEqual(nothing)

    await prosody.restart()
    const back = await attach()
    await back.isUpToDate()
    await back.leave()
    await Promise.all(users.map(user => user.leave()))
    await conversation.end()
    await eventually('all have left', () => here.service.counts().links === 0)
    expect(here.lines.filter(line => /"level":(50|60)/.test(line))).toEqual([])
  })
})
