import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { platform } from 'node:process'
import {
  type Environment,
  type Name,
  orInFiles,
  proxySettings,
  settings,
  type Values,
  withProxySettings,
} from './settings.js'

const fileSettings = (Object.keys(settings) as Name[]).filter(name => /_FILE$|^STATE_DIR$/.test(name))

/** Without the keys of TLS_CERT. */
export function exposedFiles(environment: Environment, values: Pick<Values, 'AUDIT_LOG' | 'XMPP_SERVERS'>): string[] {
  const textOf = (name: Name) => environment[name]?.trim() || undefined
  const { servers } = values.XMPP_SERVERS
  const named: (readonly [string, string | undefined])[] = [
    ...fileSettings.map(name => [name, textOf(name)] as const),
    ...Array.from(servers.values(), ({ certificate }) => ['XMPP_SERVERS', certificate?.keyFile] as const),
    ['AUDIT_LOG', typeof values.AUDIT_LOG === 'string' ? undefined : values.AUDIT_LOG.file],
  ]
  return named.flatMap(([name, file]) => (file === undefined ? [] : exposureOf(file, `${name} names ${file}`)))
}

export function exposedSettings(file: string, values: Environment): string[] {
  const hasSecret =
    orInFiles.some(name => values[name] !== undefined) ||
    proxySettings.some(name => withProxySettings(values)[name]?.includes('@')) ||
    hasPassword(values['REDIS_URL'])
  return hasSecret ? exposureOf(file, `${file} has secrets in it`) : []
}

function hasPassword(url = ''): boolean {
  const user = url.slice(url.indexOf('//') + 2, Math.max(0, url.lastIndexOf('@')))
  return user.includes(':')
}

/** Of a folder, reports only users who can write: they can delete files, or put old files back. */
export function exposureOf(file: string, subject: string): string[] {
  const { mode, isFolder } = modeOf(file)
  const deeds = [mode & 0o004 && !isFolder ? 'read' : '', mode & 0o002 ? 'write to' : ''].filter(Boolean).join(' and ')
  const faults = [
    ...(deeds === '' ? [] : [`every user of this machine can ${deeds}`]),
    ...(mode & 0o020 ? ['its group can write to'] : []),
  ]
  const remedy = isFolder ? 'go-w' : 'g-w,o='
  return faults.length === 0 ? [] : [`${subject}, which ${faults.join(', and ')}: chmod ${remedy} ${file}`]
}

/** Omits permissions of users who cannot enter a folder above the file. */
function modeOf(file: string): { readonly mode: number; readonly isFolder: boolean } {
  try {
    const real = realpathSync(file)
    const stats = statSync(real)
    const isFolder = stats.isDirectory()
    let mode = platform === 'win32' || !(isFolder || stats.isFile()) ? 0 : stats.mode
    for (let folder = dirname(real); ; folder = dirname(folder)) {
      const entrants = statSync(folder).mode
      if (!(entrants & 0o001)) mode &= ~0o007
      if (!(entrants & 0o011)) mode &= ~0o070
      if (folder === dirname(folder)) return { mode, isFolder }
    }
  } catch {
    return { mode: 0, isFolder: false }
  }
}
