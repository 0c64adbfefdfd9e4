import { describe, expect, test } from '@jest/globals'
import type { createRemotes } from '../../src/remote/remotes.js'
import type { LinkEnd } from '../../src/xmpp/link.js'
import { eventually } from '../support/eventually.js'
import { ScriptedEndpoint } from '../support/scripted-endpoint.js'
import { remotesOf } from './parts.js'

const wish = { lang: 'en', wait: 60, hold: 1, ver: '1.6' }

const quiet = { onElement() {}, onEnd() {} }

async function endOf(remotes: ReturnType<typeof createRemotes>, domain: string) {
  let ended: LinkEnd | undefined
  const onEnd = (end: LinkEnd) => {
    ended = end
  }
  remotes.open(domain, { lang: 'en' }, { ...quiet, onEnd })
  await eventually('it ends', () => ended !== undefined)
  const { step, code } = ended!.failure
  return { step, code }
}

describe('a domain of the settings', () => {
  test('without a remote endpoint has no link over one, and no login', () => {
    const server = {} as never
    const servers = new Map([['near.example', server]])
    const { remotes } = remotesOf({ '*': { url: 'http://127.0.0.1:1/' } }, { servers })
    expect(remotes.open('near.example', { lang: 'en' }, quiet)).toBeUndefined()
    expect(remotes.openThere('near.example', wish, quiet)).toBeUndefined()
    expect(remotes.size).toBe(0)
  })

  test('with REMOTE_ATTACH=here has links over its endpoint, and ordinary logins', async () => {
    const there = await ScriptedEndpoint.start()
    const { remotes, counts } = remotesOf({ '*': { url: there.url, allowsPlain: true } })
    expect(remotes.openThere('far.example', wish, quiet)).toBeUndefined()
    const link = remotes.open('far.example', { lang: 'en' }, quiet)
    expect(link?.facts).toEqual({ encrypted: false, plainAllowed: true })
    const creation = await there.request()
    expect(remotes.size).toBe(1)
    link?.close()
    creation.answer('', " type='terminate'")
    await eventually('nothing is left', () => remotes.size === 0)
    remotes.close()
    await there.stop()
    expect([...counts.remoteFailures]).toEqual([])
  })
})

test('an endpoint of host-meta must not be in a private network, unless the operator names the domain', async () => {
  const { remotes, counts } = remotesOf({ localhost: {}, '*': {} }, { domains: ['*'] })
  const refused = { step: 'resolve', code: 'address-not-allowed' }
  expect(await endOf(remotes, 'inside.example')).toEqual(refused)
  expect(await endOf(remotes, '127.0.0.1')).toEqual(refused)
  expect(remotes.size).toBe(0)
  expect([...counts.remoteFailures]).toHaveLength(1)
  // Nothing listens there.
  expect(await endOf(remotes, 'localhost')).toEqual({ step: 'resolve', code: 'remote-connection-failed' })
})
