import type { PeerCertificate } from 'node:tls'
import { foreignList, foreignText } from '../../lib/text/foreign-text.js'
import { namesOf } from './certificate-names.js'

/** Not a code of OpenSSL. */
const otherName = 'OTHER_NAME'

const mostWords = 8

export class CertificateFault extends Error {
  override readonly name = 'CertificateFault'
  readonly code: string
  readonly #certificate: Partial<PeerCertificate>

  /** `reported` is Node's code or message. `host` is the expected name, with A-labels. */
  constructor(reported: string, certificate: Partial<PeerCertificate> | null | undefined, host: string) {
    const code = /^[A-Z_]{1,60}$/.test(reported) && reported !== 'ERR_TLS_CERT_ALTNAME_INVALID' ? reported : otherName
    super(`${explain(code, certificate ?? {}, host)} ${adviceFor(code)}`)
    this.code = code
    this.#certificate = certificate ?? {}
  }

  get certificate(): string | undefined {
    const { issuer, valid_from, valid_to, fingerprint256 } = this.#certificate
    if (fingerprint256 === undefined) return undefined
    const words = String(issuer?.CN ?? issuer?.O ?? 'an authority without a name').split(' ', mostWords)
    const authority = words.map(foreignText).join(' ')
    const days = [valid_from, valid_to].map(text => dayOf(new Date(text ?? '')))
    return `issued for ${ownersOf(this.#certificate)}, issued by ${authority}, valid from ${days.join(' to ')}, SHA-256 ${fingerprint256}`
  }
}

function explain(code: string, certificate: Partial<PeerCertificate>, host: string): string {
  switch (code) {
    case otherName:
      return `It is issued for ${ownersOf(certificate)}, not for ${host}.`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'It is self-signed.'
    case 'CERT_HAS_EXPIRED': {
      const end = new Date(certificate.valid_to ?? '')
      return end.getTime() <= Date.now() ? `It expired on ${dayOf(end)}.` : 'It has expired, or a certificate above it.'
    }
    case 'CERT_NOT_YET_VALID': {
      const start = new Date(certificate.valid_from ?? '')
      if (start.getTime() > Date.now()) return `It is not valid before ${dayOf(start)}.`
      return 'It is not valid yet, or a certificate above it.'
    }
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'Its authority is not trusted here, or the server does not send the intermediate certificates.'
    default:
      return `It does not pass the check: ${code}.`
  }
}

function ownersOf({ subjectaltname = '' }: Partial<PeerCertificate>): string {
  const names = namesOf(subjectaltname).map(({ value }) => value)
  return names.length === 0 ? 'no host name' : foreignList(names)
}

function adviceFor(code: string): string {
  if (code === otherName || code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'Give the server another certificate. verify=off in XMPP_SERVERS skips the check.'
  return 'In XMPP_SERVERS, ?ca=FILE of the server must name a file with its certificate or authority. verify=off skips the check.'
}

function dayOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'a day that cannot be read' : date.toISOString().slice(0, 10)
}
