import type { KeyObject, X509Certificate } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, parse } from 'node:path'
import { createSecureContext } from 'node:tls'
import { attempt } from '../lib/attempt.js'
import { withoutBrackets } from '../lib/text/without-brackets.js'
import type { tlsFiles } from './config.js'
import { exposureOf } from './exposed-secrets.js'
import type { Kind } from './kinds/kinds.js'
import { certificatesFile, certificatesIn, dhParameters, keyIn, pemOf } from './kinds/pem.js'
import { readSettingFile, secretFile, unreadable } from './setting-file.js'
import type { Name } from './settings.js'

export type TlsMaterial = NonNullable<ReturnType<typeof readTlsFiles>>

export type Certificate = ReturnType<typeof readCertificate>

const besideIt = 'put each key beside its certificate, and each chain in the file of its certificate'

/** The message begins with the name of a setting. */
class Fault extends Error {}

/** If a certificate in a folder is unreadable, its version in `earlier` is used. */
export function readTlsFiles(
  files: ReturnType<typeof tlsFiles>,
  report: (problem: string) => undefined,
  earlier: readonly Certificate[] = [],
) {
  let isUsable = true
  const fail = (problem: string) => {
    isUsable = false
    return report(problem)
  }
  const read = <T>(name: Name, kind: Kind<T>, file: string | undefined) =>
    file === undefined ? undefined : kind(file, problem => fail(`${name} ${problem}`))
  const passphrase = read('TLS_KEY_PASSPHRASE_FILE', secretFile, files.passphraseFile)
  if (!isUsable) return undefined
  const faults: string[] = []
  const ofFolder = (folder: string) => {
    if (files.keys.length + files.chains.length > 0)
      throw new Fault(`TLS_KEY and TLS_CHAIN must not be set, because TLS_CERT names the folder ${folder}: ${besideIt}`)
    const pairs = certificatesOf(folder)
    const found = pairs.flatMap(({ file, keyFile }) => {
      const before = earlier.filter(certificate => certificate.file === file)
      const note = (problem: string) =>
        void faults.push(`${problem}: ${before.length > 0 ? 'the previous certificate stays' : 'it is not used'}`)
      return attemptOr(() => [readCertificate(file, passphrase, undefined, keyFile)], note) ?? before
    })
    if (found.length > 0) return found
    const rest =
      pairs.length === 0 ? 'has no *.crt, no *.pem and no NAME/fullchain.pem' : `is unusable: ${faults.join('. ')}`
    throw new Fault(`TLS_CERT names the folder ${folder}, which ${rest}`)
  }
  const certificates = files.certificates.flatMap((file, index) => {
    const { [index]: chain } = files.chains
    const { [index]: key } = files.keys
    return (
      attemptOr(() => (isFolder(file) ? ofFolder(file) : [readCertificate(file, passphrase, chain, key)]), fail) ?? []
    )
  })
  const dhparam = read('TLS_DHPARAM', dhParameters, files.dhparam)
  const clientCa = read('TLS_CLIENT_CA', certificatesFile, files.clientCa)
  return isUsable ? { certificates, dhparam, clientCa, faults } : undefined
}

function attemptOr<T>(read: () => T, report: (problem: string) => undefined): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return report(error.message)
  }
}

/** Names in certbot's folders `live/NAME/`. Other files there repeat parts of the chain. */
const chainName = 'fullchain.pem'
const keyName = 'privkey.pem'

/** `keyFile` is undefined if the key is in `file`, or beside it with the extension `.key`. */
function certificatesOf(folder: string): { readonly file: string; readonly keyFile: string | undefined }[] {
  const names = namesIn(folder)
  if (names.includes(chainName)) return [{ file: join(folder, chainName), keyFile: join(folder, keyName) }]
  return names.flatMap(name => {
    const path = join(folder, name)
    const file = join(path, chainName)
    if (isFolder(path)) return isFile(file) ? [{ file, keyFile: join(path, keyName) }] : []
    if (!/\.(crt|pem)$/i.test(name) || isKeyAlone(path)) return []
    const { dir, name: base, ext } = parse(path)
    const keyFile = join(dir, `${base}-key${ext}`)
    return [{ file: path, keyFile: isFile(keyFile) ? keyFile : undefined }]
  })
}

function namesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter(name => !name.startsWith('.'))
    return names.sort()
  } catch (error) {
    throw new Fault(`TLS_CERT names ${folder}, which cannot be read ${unreadable(error, folder)}`)
  }
}

const isFolder = (path: string) => attempt(() => statSync(path).isDirectory()) === true

const isFile = (path: string) => attempt(() => statSync(path).isFile()) === true

function isKeyAlone(path: string): boolean {
  const text = attempt(() => readSettingFile(path)) ?? ''
  return text.includes('PRIVATE KEY-----') && !text.includes('-----BEGIN CERTIFICATE-----')
}

export const hasExpired = ({ validTo }: Pick<X509Certificate, 'validTo'>, now: number) => Date.parse(validTo) < now

function dateWarnings({ certificates, clientCa = '' }: TlsMaterial, now: number): string[] {
  const warnings = certificates.flatMap(({ file, x509 }) => {
    if (hasExpired(x509, now)) return [`The certificate in ${file} has expired on ${x509.validTo}.`]
    if (Date.parse(x509.validFrom) > now) return [`The certificate in ${file} is not valid before ${x509.validFrom}.`]
    return []
  })
  const ofClients = certificatesIn(clientCa)
  const isUseless = ofClients && [ofClients.first, ...ofClients.chain].every(x509 => hasExpired(x509, now))
  if (isUseless) warnings.push('All CAs in TLS_CLIENT_CA have expired: no client certificate is accepted.')
  return warnings
}

/** Browsers ignore the name in the subject (RFC 9525 §2), and send no address to choose a certificate by. */
export function nameWarnings({ certificates }: TlsMaterial, urls: readonly (string | undefined)[]): string[] {
  const hosts = urls
    .filter(url => url !== undefined)
    .filter(url => url.startsWith('https:'))
    .map(url => withoutBrackets(new URL(url).hostname))
    .filter(host =>
      isIP(host) === 0
        ? certificates.every(({ x509 }) => x509.checkHost(host, { subject: 'never' }) === undefined)
        : certificates[0]?.x509.checkIP(host) === undefined,
    )
  return [...new Set(hosts)].map(
    host =>
      `TLS_CERT has no certificate for ${host}, the host of an external URL: browsers refuse to connect to this service. This does not matter if a proxy with its own certificate is in front.`,
  )
}

/** Of the files alone. A listener that reads them again logs these too. */
export function tlsWarnings(material: TlsMaterial, now: number): string[] {
  const exposed = material.certificates.flatMap(({ keyFile }) => exposureOf(keyFile, `TLS_KEY names ${keyFile}`))
  return [...material.faults, ...dateWarnings(material, now), ...exposed]
}

function readCertificate(file: string, passphrase: string | undefined, chainFile?: string, keyFile?: string) {
  const text = readFile(file, 'TLS_CERT')
  const own = readCertificates(file, text, 'TLS_CERT')
  const x509 = own.first
  const chain = chainFile === undefined ? [] : [readChain(chainFile, x509, file)]
  const cert = [own.text, ...chain].join('\n')
  const found = keyFile === undefined ? findKey(file, text) : ([keyFile, readFile(keyFile, 'TLS_KEY')] as const)
  const secret = readKey(...found, passphrase)
  if (!x509.checkPrivateKey(secret))
    throw new Fault(`TLS_KEY has a key that does not belong to the first certificate in ${file}`)
  const key = pemOf(secret)
  askOpenSsl(file, cert, key)
  return { file, cert, key, keyFile: found[0], x509 }
}

function readCertificates(file: string, text: string, setting: Name) {
  const certificates = certificatesIn(text)
  if (certificates !== undefined) return certificates
  throw new Fault(`${setting} names ${file}, which is not a PEM file of certificates`)
}

function readChain(file: string, certificate: X509Certificate, certificateFile: string): string {
  const { first, chain, text } = readCertificates(file, readFile(file, 'TLS_CHAIN'), 'TLS_CHAIN')
  if ([first, ...chain].some(x509 => certificate.verify(x509.publicKey))) return text
  throw new Fault(`TLS_CHAIN names ${file}, which does not contain the issuer of the certificate in ${certificateFile}`)
}

function findKey(file: string, text: string): readonly [file: string, text: string] {
  if (/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text)) return [file, text]
  const beside = file.replace(/(\.[^./]+)?$/, '.key')
  const key = readFile(
    beside,
    'TLS_KEY',
    why => `is needed for ${file}: it does not contain a key, and ${beside} cannot be read ${why}`,
  )
  return [beside, key]
}

/** PKCS #8, or OpenSSL's older form. */
const encryptedKey = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

function readKey(file: string, text: string, passphrase: string | undefined): KeyObject {
  const isEncrypted = encryptedKey.test(text)
  if (isEncrypted && passphrase === undefined)
    throw new Fault(`TLS_KEY_PASSPHRASE_FILE is required: ${file} is encrypted`)
  const key = keyIn(text, passphrase)
  if (key !== undefined) return key
  if (isEncrypted) throw new Fault(`TLS_KEY_PASSPHRASE_FILE does not open ${file}`)
  throw new Fault(`TLS_KEY names ${file}, which is not a PEM file of a private key`)
}

function askOpenSsl(file: string, cert: string, key: string): void {
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const { reason, message } = error as { reason?: string; message: string }
    throw new Fault(`TLS_CERT names ${file}, which OpenSSL refuses: ${reason ?? message}`)
  }
}

function readFile(
  file: string,
  setting: Name,
  problem = (why: string) => `names ${file}, which cannot be read ${why}`,
): string {
  try {
    return readSettingFile(file)
  } catch (error) {
    throw new Fault(`${setting} ${problem(unreadable(error, file))}`)
  }
}
