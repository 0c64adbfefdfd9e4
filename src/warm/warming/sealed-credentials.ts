import type { Config } from '../../config/config.js'
import { Problem } from '../../lib/errors.js'
import { openText, type Purpose, sealText } from '../../lib/secrets/sealed-text.js'
import type { ScramProof } from '../../servers/login/sasl/mechanism.js'
import { formatBareJid, type Jid, userOf } from '../../xmpp/jid/jid.js'
import { longestCredential } from '../parameters.js'

const expiryBytes = 6

const validSeconds = 30 * 86_400

/** A credential is valid for one user and one admin, for 30 days. `now` is in milliseconds since 1970. */
export function createSealedCredentials({ sealKeys }: Pick<Config, 'sealKeys'>, now: () => number) {
  const purposeOf = (admin: string, jid: Jid): Purpose => ({
    label: 'credential',
    owner: JSON.stringify([admin, userOf(formatBareJid(jid))]),
  })
  const demandKeys = () => {
    if (sealKeys === undefined) throw new Problem('cannot-remember', { detail: 'SEAL_KEY_FILE is not set.' })
    return sealKeys
  }

  return {
    demandKeys,

    seal(admin: string, jid: Jid, proof: ScramProof): string {
      const expiry = Buffer.alloc(expiryBytes)
      expiry.writeUIntBE(Math.floor(now() / 1000) + validSeconds, 0, expiryBytes)
      const bytes = Buffer.concat([expiry, Buffer.from(JSON.stringify(proof))])
      const text = sealText(demandKeys()[0]!, purposeOf(admin, jid), bytes)
      if (text.length > longestCredential) throw new Problem('cannot-remember', { detail: 'The salt is too long.' })
      return text
    },

    open(admin: string, jid: Jid, text: string): ScramProof | Problem {
      if (sealKeys === undefined) return new Problem('credentials-expired', { detail: 'SEAL_KEY_FILE is not set.' })
      const opened = text.length > longestCredential ? undefined : openText(sealKeys, purposeOf(admin, jid), text)
      if (opened === undefined || opened.readUIntBE(0, expiryBytes) * 1000 <= now())
        return new Problem('credentials-expired', {
          detail: 'The credential is damaged or too old, or is for another admin, jid or SEAL_KEY_FILE.',
        })
      return JSON.parse(opened.toString('utf8', expiryBytes)) as ScramProof
    },
  }
}
