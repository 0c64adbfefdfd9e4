// Says what is wrong with a JID. The text may be a misplaced password, so only the kind of a mistake may be logged.

import { emptyPart, forbiddenCharacter } from '../xmpp/jid/jid.js'

/** Has only a code, for the log. */
export class JidMistake extends Error {
  override readonly name = 'JidMistake'

  constructor(readonly code: string) {
    super(code)
  }
}

interface Mistake {
  readonly code: string
  /** May quote a character of the text. */
  readonly sentence: string
}

const places = { local: 'before the @', domain: 'in the domain', resource: 'after the slash' } as const

const empty = {
  local: 'The part before the @ is empty.',
  domain: 'The domain after the @ is empty.',
  resource: 'The part after the slash is empty: leave out the slash.',
} as const

/** XEP-0106 §4.2, without the space, which many names must not have. */
const escapable = /["&'/:<>@]/

export function mistakesIn(sent: string): readonly Mistake[] {
  const hasAt = sent.split('/', 1)[0]!.includes('@')
  const part = emptyPart(sent)
  return [
    forbiddenIn(sent),
    hasAt ? undefined : { code: 'no-at', sentence: 'It has no @. Write it like alice@example.org.' },
    part && { code: `empty-${part}`, sentence: empty[part] },
  ].filter(mistake => mistake !== undefined)
}

function forbiddenIn(sent: string): Mistake | undefined {
  const { part, character } = forbiddenCharacter(sent) ?? {}
  if (part === undefined || character === undefined) return undefined
  if (part === 'domain' && character === '@')
    return { code: 'second-at', sentence: 'It has a second @. A user name can have it as \\40 (XEP-0106).' }
  const hex = character.codePointAt(0)!.toString(16)
  const advice = part === 'local' && escapable.test(character) ? ` A user name can have it as \\${hex} (XEP-0106).` : ''
  const sentence = `The character ${namedCharacter(character)} is not allowed ${places[part]}.${advice}`
  return { code: `character-in-${part}`, sentence }
}

/** Names a character for messages: `é (U+00E9)`, or `U+200B` if it is not visible. */
function namedCharacter(character: string): string {
  const hex = character.codePointAt(0)!.toString(16)
  const code = `U+${hex.toUpperCase().padStart(4, '0')}`
  const isVisible = !/[\p{C}\p{M}\p{Z}]/u.test(character)
  if (isVisible) return `${character} (${code})`
  return character === ' ' ? `space (${code})` : code
}
