import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../../config/config.js'
import { homePath } from '../addresses.js'
import { documents } from './documents.js'

const entries = [
  { page: 'form', text: 'Log a user in', path: '' },
  { page: 'sessions', text: 'Sessions', path: '/sessions' },
  { page: 'numbers', text: 'Numbers', path: '/numbers' },
  { page: 'failures', text: 'Failures', path: '/failures' },
  { page: 'audit', text: 'Audit', path: '/audit' },
  ...(documents.size === 0 ? [] : [{ page: 'docs', text: 'Docs', path: '/docs/' } as const]),
] as const

export type NavigationPage = (typeof entries)[number]['page']

export type NavigationSettings = Pick<Config, 'externalUrl' | 'warmPath'> & {
  readonly warm: Pick<Config['warm'], 'hasPages'>
}

export interface Navigation {
  readonly home: string
  readonly isHome?: boolean
  readonly links: readonly { readonly href: string; readonly text: string; readonly isCurrent: boolean }[]
  readonly admin?: string | undefined
  readonly signOut?: string | undefined
}

export const signOutPath = '/sign-out'

export function navigation(
  { externalUrl, warmPath, warm }: NavigationSettings,
  headers: IncomingHttpHeaders,
  current?: NavigationPage,
  hidden: readonly NavigationPage[] = [],
): Navigation {
  const home = homePath(externalUrl)
  const base = home + warmPath
  const shown = warm.hasPages ? entries.filter(({ page }) => !hidden.includes(page)) : []
  return {
    home,
    links: shown.map(({ page, text, path }) => ({ href: base + path, text, isCurrent: page === current })),
    signOut: warm.hasPages && headers.authorization !== undefined ? base + signOutPath : undefined,
  }
}

export function publicNavigation({ externalUrl, warmPath, warm }: NavigationSettings, isHome = false): Navigation {
  const home = homePath(externalUrl)
  return { home, isHome, links: [], admin: warm.hasPages ? home + warmPath : undefined }
}
