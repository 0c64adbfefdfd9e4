import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../lib/clock.js'
import { forgetOldest } from '../../lib/limits/forget-oldest.js'
import { withULabels } from '../../xmpp/jid/domains.js'

/** A server's certificate is read at most once in this time. */
const readMilliseconds = 60_000
const forgottenMilliseconds = 24 * 3_600_000
const mostShown = 100

interface ShownCertificatesParts {
  readonly clock: Pick<Clock, 'now'>
  /** True if the settings name the domain itself. Users can invent other names. */
  readonly isNamed: (domain: string) => boolean
}

interface Shown {
  readonly domain: string
  /** In seconds since 1970. */
  readonly expiry: number
  readonly readAt: number
}

export type ShownCertificates = ReturnType<typeof createShownCertificates>

export function createShownCertificates({ clock, isNamed }: ShownCertificatesParts) {
  const shown = new Map<string, Shown>()
  return {
    /** Call this after each handshake. Ignores certificates that Node rejects, such as expired certificates. */
    note(domain: string, server: string, socket: Pick<TLSSocket, 'getPeerCertificate' | 'authorized'>): void {
      const key = `${domain} ${server}`
      const now = clock.now()
      const last = shown.get(key)
      if (last !== undefined && now - last.readAt < readMilliseconds) return
      if (!socket.authorized || !isNamed(domain)) return
      const expiry = Date.parse(socket.getPeerCertificate().valid_to) / 1000
      if (Number.isNaN(expiry)) return
      shown.set(key, { domain, expiry, readAt: now })
      forgetOldest(shown, mostShown)
    },

    get expiries(): ReadonlyMap<string, number> {
      const expiries = new Map<string, number>()
      const oldest = clock.now() - forgottenMilliseconds
      for (const [key, { domain, expiry, readAt }] of shown) {
        const name = `xmpp:${withULabels(domain)}`
        if (readAt < oldest) shown.delete(key)
        else expiries.set(name, Math.min(expiry, expiries.get(name) ?? expiry))
      }
      return expiries
    },
  }
}
