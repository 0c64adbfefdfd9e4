// What the https listener shows of itself. The files are read when the settings are checked, at the start, and again
// whenever the operator says that they have changed.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { certificatesIn, splitCertificates } from './pem.js'
import type { Name } from './settings.js'

/** The files as the settings name them. */
export interface TlsFiles {
  /** The first is for clients that ask for no name, or for one that none of them has. */
  readonly certificates: readonly string[]
  /** What stands behind them, in the same order; empty where each has that in its own file. */
  readonly chains: readonly string[]
  /** In the same order; empty where each certificate has its key in its own file or beside it. */
  readonly keys: readonly string[]
  readonly passphrase: string | undefined
  readonly passphraseFile: string | undefined
  /** A file, or `auto` for parameters that OpenSSL chooses by the key. */
  readonly dhparam: string
}

/** A certificate, the chain behind it and its key; PEM texts. */
export interface ServerCertificate {
  readonly file: string
  readonly cert: string
  readonly key: string
  readonly x509: X509Certificate
}

export interface TlsMaterial {
  readonly certificates: readonly ServerCertificate[]
  /** `auto` or PEM text. */
  readonly dhparam: string
}

/** Takes note of a problem, worded to follow the name of the setting that it is about. */
export type SettingReport = (setting: Name, problem: string) => undefined

/** Reads the files and judges whether they fit together. Undefined where a problem was reported. */
export function readTlsFiles(files: TlsFiles, report: SettingReport): TlsMaterial | undefined {
  let faulty = false
  const fault: SettingReport = (setting, problem) => {
    faulty = true
    return report(setting, problem)
  }
  const passphrase = readPassphrase(files, fault)
  if (faulty) return undefined
  const certificates = files.certificates.map((file, index) =>
    readCertificate(file, files.chains[index], files.keys[index], passphrase, fault),
  )
  const dhparam = readParameters(files.dhparam, fault)
  if (faulty) return undefined
  return { certificates: certificates as ServerCertificate[], dhparam: dhparam! }
}

/** What an operator should know of certificates that can be used all the same. `now` is in milliseconds since 1970. */
export function datesAmiss({ certificates }: TlsMaterial, now: number): string[] {
  return certificates.flatMap(({ file, x509 }) => {
    if (Date.parse(x509.validTo) < now) return [`The certificate in ${file} has expired on ${x509.validTo}.`]
    if (Date.parse(x509.validFrom) > now)
      return [`The certificate in ${file} is not valid before ${x509.validFrom}.`]
    return []
  })
}

interface Passphrase {
  readonly setting: Name
  readonly text: string | undefined
}

function readPassphrase({ passphrase, passphraseFile }: TlsFiles, report: SettingReport): Passphrase {
  if (passphraseFile === undefined) return { setting: 'TLS_KEY_PASSPHRASE', text: passphrase }
  const setting = 'TLS_KEY_PASSPHRASE_FILE'
  return { setting, text: readFile(passphraseFile, setting, report)?.replace(/\r?\n$/, '') }
}

function readCertificate(
  file: string,
  chainFile: string | undefined,
  keyFile: string | undefined,
  passphrase: Passphrase,
  report: SettingReport,
): ServerCertificate | undefined {
  const text = readFile(file, 'TLS_CERT', report)
  if (text === undefined) return undefined
  const own = certificatesOf(text)
  if (own === undefined) return report('TLS_CERT', `names ${file}, which is no PEM file of certificates`)
  // Those behind the first are the chain.
  const x509 = new X509Certificate(own)
  const chain = chainFile === undefined ? '' : readChain(chainFile, x509, file, report)
  if (chain === undefined) return undefined
  const cert = own + chain
  const key =
    keyFile === undefined
      ? readKeyBeside(file, text, passphrase, report)
      : readKey(keyFile, passphrase, report)
  if (key === undefined) return undefined
  if (!x509.checkPrivateKey(key))
    return report('TLS_KEY', `has a key that does not belong to the first certificate in ${file}`)
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  try {
    createSecureContext({ cert, key: pem })
  } catch (error) {
    return report('TLS_CERT', `names ${file}, which OpenSSL refuses: ${reasonOf(error)}`)
  }
  return { file, cert, key: pem, x509 }
}

/** What stands behind the certificate in another file: whoever issued it is among them, or the chain is another's. */
function readChain(
  file: string,
  certificate: X509Certificate,
  certificateFile: string,
  report: SettingReport,
): string | undefined {
  const text = readFile(file, 'TLS_CHAIN', report)
  if (text === undefined) return undefined
  const chain = certificatesOf(text)
  if (chain === undefined) return report('TLS_CHAIN', `names ${file}, which is no PEM file of certificates`)
  const isIssued = splitCertificates(chain).some(({ publicKey }) => certificate.verify(publicKey))
  if (!isIssued)
    return report(
      'TLS_CHAIN',
      `names ${file}, where nothing has issued the certificate in ${certificateFile}`,
    )
  return `\n${chain}`
}

/** The key of a certificate that none was named for: in the same file, or in `x.key` beside `x.crt`. */
function readKeyBeside(
  file: string,
  text: string,
  passphrase: Passphrase,
  report: SettingReport,
): KeyObject | undefined {
  if (privateKey.test(text)) return keyOf(file, text, passphrase, report)
  const beside = file.replace(/(\.[^./]+)?$/, '.key')
  try {
    return keyOf(beside, readFileSync(beside, 'utf8'), passphrase, report)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return report(
      'TLS_KEY',
      `is needed for ${file}: it holds no key itself, and ${beside} cannot be read (${code})`,
    )
  }
}

function readKey(file: string, passphrase: Passphrase, report: SettingReport): KeyObject | undefined {
  const text = readFile(file, 'TLS_KEY', report)
  return text === undefined ? undefined : keyOf(file, text, passphrase, report)
}

const privateKey = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/
/** PKCS #8 and OpenSSL's older form. */
const encryptedKey = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

function keyOf(
  file: string,
  text: string,
  { setting, text: passphrase }: Passphrase,
  report: SettingReport,
): KeyObject | undefined {
  const isEncrypted = encryptedKey.test(text)
  if (isEncrypted && passphrase === undefined)
    return report('TLS_KEY_PASSPHRASE', `is required, or TLS_KEY_PASSPHRASE_FILE: ${file} is encrypted`)
  try {
    return createPrivateKey({ key: text, format: 'pem', ...(passphrase !== undefined && { passphrase }) })
  } catch {
    if (isEncrypted) return report(setting, `does not open ${file}`)
    return report('TLS_KEY', `names ${file}, which is no PEM file of a private key`)
  }
}

function readParameters(dhparam: string, report: SettingReport): string | undefined {
  if (dhparam === 'auto') return dhparam
  const text = readFile(dhparam, 'TLS_DHPARAM', report)
  if (text === undefined) return undefined
  // Node goes on without any where it finds none, and from version 24 on finds none in the form `X9.42 DH PARAMETERS`.
  if (!text.includes('-----BEGIN DH PARAMETERS-----'))
    return report(
      'TLS_DHPARAM',
      `names ${dhparam}, which is no PEM file with DH PARAMETERS, as \`openssl dhparam 2048\` makes them`,
    )
  try {
    createSecureContext({ dhparam: text })
    return text
  } catch (error) {
    return report('TLS_DHPARAM', `names ${dhparam}, which OpenSSL refuses: ${reasonOf(error)}`)
  }
}

function certificatesOf(text: string): string | undefined {
  try {
    return certificatesIn(text)
  } catch {
    return undefined
  }
}

function readFile(file: string, setting: Name, report: SettingReport): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return report(setting, `names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** OpenSSL's own words, without its numbers. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: string; message: string }
  return reason ?? message
}
