import { createSecretKey, type KeyObject } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from '../../lib/log.js'
import { inFile, linesIn } from '../setting-file.js'
import type { Kind } from './kinds.js'

export const stateFolder: Kind<string> = (folder, report) => {
  const [stats, fault] = statsOf(folder)
  if (fault === 'ENOENT') {
    const [, parentFault] = statsOf(dirname(folder))
    if (parentFault === 'ENOENT') return report('names a folder whose parent folder does not exist: create it')
    const code = parentFault ?? accessFault(dirname(folder))
    if (code === undefined) return folder
    return report(`names a folder that does not exist, and this user cannot create it (${code})`)
  }
  if (stats === undefined) return report(`names a folder that this user cannot use (${fault})`)
  if (!stats.isDirectory()) return report('must name a folder, not a file')
  const code = accessFault(folder)
  return code === undefined ? folder : report(`names a folder where this user cannot read and write (${code})`)
}

function statsOf(path: string) {
  try {
    return [statSync(path), undefined] as const
  } catch (error) {
    return [undefined, codeOf(error)] as const
  }
}

function accessFault(folder: string): string | undefined {
  const { R_OK, W_OK, X_OK } = constants
  try {
    accessSync(folder, R_OK | W_OK | X_OK)
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}

const advice = 'make keys with openssl rand -base64 32'

export const sealKeysFile: Kind<readonly KeyObject[]> = inFile((text, report): readonly KeyObject[] | undefined => {
  const keys: KeyObject[] = []
  for (const { number, text: written } of linesIn(text)) {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(written))
      return report(`names a file whose line ${number} is not 32 bytes in base64: ${advice}`)
    const bytes = Buffer.from(written, 'base64')
    keys.push(createSecretKey(bytes))
    bytes.fill(0)
  }
  return keys.length === 0 ? report(`names a file without a key: ${advice}`) : keys
})
