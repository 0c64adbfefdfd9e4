import { readdirSync, statSync } from 'node:fs'
import { join, parse } from 'node:path'
import { attempt } from '../lib/attempt.js'
import { readSettingFile } from './setting-file.js'

export interface CertificateFiles {
  readonly file: string
  /** Undefined if the key is in `file`, or in `x.key` for `x.crt`. */
  readonly keyFile: string | undefined
}

/** Names of certbot (`live/NAME/`), whose other files repeat the contents. */
const chainName = 'fullchain.pem'
const keyName = 'privkey.pem'

export function isFolder(path: string): boolean {
  return attempt(() => statSync(path).isDirectory()) === true
}

/** Finds `*.crt`, `*.pem`, and `NAME/fullchain.pem`, sorted by name. Throws errors of the file system. */
export function certificatesOf(folder: string): readonly CertificateFiles[] {
  const names = readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()
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

function isFile(path: string): boolean {
  return attempt(() => statSync(path).isFile()) === true
}

function isKeyAlone(path: string): boolean {
  const text = attempt(() => readSettingFile(path)) ?? ''
  return text.includes('PRIVATE KEY-----') && !text.includes('-----BEGIN CERTIFICATE-----')
}
