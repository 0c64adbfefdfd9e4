// Credentials (`remember`) at real servers work until the password changes.
import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { startEjabberd } from '../support/ejabberd.js'
import { majorOf } from '../support/server-process.js'
import { testFolder } from '../support/test-folder.js'
import { describePlace, Place } from './place.js'
import { bothServers } from './servers.js'

const SEAL_KEY_FILE = testFolder().file('seal.key', randomBytes(32).toString('base64'))

const jid = 'alice@localhost'
const users = { alice: 'wonderland', bob: 'builder' }
const sasl2 = `
plugin_paths = { "/usr/lib/prosody/modules" }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "posix", "bosh", "smacks", "sasl2", "sasl2_bind2" }
`

// These modules break streams in 0.12.
const kinds = bothServers(users, majorOf('prosody') >= 13 ? sasl2 : '', { modules: '  mod_admin_extra: {}' })

for (const kind of kinds)
  describePlace(
    `A credential for ${kind.name}`,
    [...kind.packages, ...(kind.name === 'Prosody' ? ['prosody-modules'] : [])],
    () => Place.open(kind.start(), { environment: { SEAL_KEY_FILE } }),
    place => {
      test('replaces the password until it changes, then gets 403 credentials-expired', async () => {
        const remembered = async (password: string) => {
          const binding = await place().warmer.bind({ jid, password, remember: 'on' })
          await place().talk(binding)
          return binding.credential!
        }
        const credential = await remembered(users.alice)
        expect(credential).toMatch(/^[\w-]{300,2048}$/)
        for (let login = 1; login <= 3; login += 1) await place().use({ jid, credential })
        await place().server.changePassword('alice', 'looking-glass')
        expect(await place().refusal({ jid, credential })).toEqual([403, 'credentials-expired', 'sasl'])
        await place().use({ jid, credential: await remembered('looking-glass') })
        expect(await place().refusal({ jid, credential })).toEqual([403, 'credentials-expired', 'sasl'])
        expect(place().warmer.lines.join('\n')).not.toContain(credential)
      })
    },
  )

describePlace(
  'A user of an ejabberd that stores plain passwords',
  ['ejabberd', 'openssl'],
  () => {
    const authentication = 'auth_method: internal\nauth_password_format: plain'
    return Place.open(startEjabberd({ users, authentication }), { environment: { SEAL_KEY_FILE } })
  },
  place => {
    test('gets 409 cannot-remember, and logs in without `remember`', async () => {
      const parameters = { jid, password: users.alice }
      expect(await place().refusal({ ...parameters, remember: 'on' })).toEqual([409, 'cannot-remember', 'sasl'])
      await place().use(parameters)
    })
  },
)
