import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Config } from '../config/config.js'
import { problemFrom } from '../http/answers/answer.js'
import { attempt } from '../lib/attempt.js'
import { systemClock } from '../lib/clock.js'
import { Problem, problems } from '../lib/errors.js'
import { foreignText } from '../lib/text/foreign-text.js'
import { createNameLookup } from '../servers/net/name-lookup.js'
import { createPageTokens } from '../service/create-page-tokens.js'
import { isGuestToken } from '../warm/connect/guests.js'
import { demandOrdinaryUser } from '../warm/connect/page-authentication.js'
import { visitClaims } from '../warm/connect/page-claims.js'
import type { PageUser } from '../warm/connect/page-tokens.js'
import { allowsDomain } from '../xmpp/jid/domains.js'
import { parseJid } from '../xmpp/jid/jid.js'
import { CommandError } from './command-error.js'
import { readSecret } from './secret-input.js'
import { readSettings } from './settings-at-hand.js'

/** Prints neither the token nor its signature. */
export async function tryToken(envFile: string | undefined): Promise<void> {
  const { config, warnings } = readSettings(envFile)
  for (const warning of warnings) process.stderr.write(`${warning}\n`)
  if (config.pages.origins.length === 0)
    throw new CommandError('PAGE_ORIGINS is not set, so the service accepts no tokens.')
  if (config.pages.jid === undefined)
    throw new CommandError('PAGE_TOKEN_JID is not set, so the service accepts no tokens except those of its guests.')
  const token = tokenIn((await readSecret('Token (it is not shown): ')) ?? '')
  if (!token) throw new CommandError('No token was entered: write it on the first line of the input.')
  if (isGuestToken(token))
    throw new CommandError('It is the token of a guest (PAGE_GUESTS), which only the running service checks.')
  const notes: string[] = []
  const outcome = await userOf(token, config, notes).catch(problemFrom)
  if (outcome instanceof Problem)
    throw new CommandError([...refusalLines(outcome), ...notes, said(token, config)].join('\n'))
  const { jid, visit, card } = outcome
  const lines = [
    'The token is accepted.',
    `  JID: ${jid}`,
    `  visit: ${visit === undefined ? 'none: DELETE /connect is refused' : foreignText(visit)}`,
  ]
  if (config.pages.name !== undefined) {
    const name = card?.name.split(' ').map(foreignText).join(' ')
    lines.push(`  name: ${name ?? 'none: it has no text in the claims of PAGE_TOKEN_NAME'}`)
  }
  process.stdout.write(`${[...lines, said(token, config)].join('\n')}\n`)
}

/** The line can be a header, a line of JSON, or a call of curl. */
const tokenIn = (line: string) => /[^\s"'`,;\\]+/.exec(line.replace(/^.*\b(?:authorization:|bearer)\s+/i, ''))?.[0]

async function userOf(token: string, config: Config, notes: string[]): Promise<PageUser> {
  const warn = (about: object, sentence?: string) => {
    const causes = Object.values(about).filter(cause => typeof cause === 'string')
    notes.push([`${sentence}:`, ...causes].join(' '))
  }
  const clock = systemClock
  const names = createNameLookup({ clock, local: !config.domains.includes('*') })
  const pageTokens = await createPageTokens(config, { names, clock, log: { info() {}, warn, error: warn } })
  const user = await pageTokens!.userOf(token)
  demandOrdinaryUser(user.jid, config)
  if (!allowsDomain(config.domains, parseJid(user.jid)!.domain))
    throw new Problem('domain-not-allowed', { detail: 'XMPP_DOMAINS does not allow the domain of its JID.' })
  return user
}

function refusalLines({ code, status, detail }: Problem): readonly string[] {
  return [
    `The token is refused: ${status} ${code}. ${problems[code].sentence}`,
    ...(detail === undefined ? [] : [detail]),
  ]
}

/** The header, and the claims that settings name. */
function said(token: string, { pages }: Config): string {
  const header = attempt(() => decodeProtectedHeader(token))
  const claims = attempt(() => decodeJwt(token))
  if (header === undefined || claims === undefined) return 'It has no claims that can be read.'
  const names = new Set(['iss', 'aud', ...pages.claims.keys(), pages.jid!.claim, ...visitClaims(pages.visit)])
  const { exp } = claims
  const expiry = attempt(() => new Date(exp! * 1000).toISOString())
  const lines = [
    ...(['alg', 'kid', 'typ'] as const).map(name => [name, header[name]] as const),
    ...[...names].map(name => [name, Object.hasOwn(claims, name) ? claims[name] : undefined] as const),
    ['exp', expiry ?? exp] as const,
  ]
  const written = lines.map(([name, value]) => `  ${foreignText(name)}: ${shown(value)}`)
  return ['It says:', ...written].join('\n')
}

const shown = (value: unknown) => (value === undefined ? 'none' : foreignText(JSON.stringify(value)))
