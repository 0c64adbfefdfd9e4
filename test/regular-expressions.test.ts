// A regular expression that backtracks is a switch to turn the service off with, for every client that may choose the text
// it is held against. The demo has no strangers.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { parseSync } from '@swc/core'
import { isSafe } from 'redos-detector'
import { languageTag } from '../src/warm/parameters.js'

const setting = "The text is the operator's own."

/**
 * Those that the detector cannot tell from dangerous ones: it looks for all ways to read a text, not for those that are
 * tried again. Each with the reason why a text costs no more than its length.
 */
const cleared: Readonly<Record<string, string>> = {
  [String.raw`/<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.[0-9]+\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][\w.-]*)\2)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>/y`]:
    'Sticky, and each part begins with a character that the one before does not have.',
  '/&[^;]{2,32};/g': 'From each ampersand it reads at most 32 characters.',
  [`/\\s+([^\\s=>/]+)\\s*=\\s*(?:'([^'<]*)'|"([^"<]*)")/y`]:
    'Sticky, of at most 1 KiB, and its parts have no character in common.',
  [`/(?:othername: ?)?([A-Za-z0-9][A-Za-z0-9 ]*):("(?:[^"\\\\]|\\\\.)*"?|[^,]*)(, )?/sy`]:
    'Sticky, there is one way only to read a kind up to its colon, and nothing behind that can fail and be tried again.',
  '/<!--(?:[^-]|-[^-])*-->/g': 'From each beginning it reads no further than to the next two hyphens.',
  '/;\\s*charset\\s*=\\s*"?([^\\s";]*)/i': 'From each semicolon it reads no further than to the next one.',
  '/^\\[([^\\]]*)\\](?::\\d+)?$|^([^:]*):\\d+$/': 'Of at most 64 characters.',
  '/;\\s*q\\s*=\\s*([^;]*)/i': 'Of at most 200 characters.',
  '/<(?:\\w+:)?optional[\\s/>]/': 'From each bracket it reads no further than to the next one.',
  '/>\\s*([A-Z0-9_-]{1,20})\\s*<\\/[^<>]*>$/': 'From each bracket it reads no further than to the next one.',
  [String.raw`/("(?:[^"\\]|\\.)*")\s*(:?)|[{}[\]]/g`]:
    'Of valid JSON, in which each string ends, and is read once with the white space behind it.',
  '/:\\d*$/': 'From each colon it reads no further than to the next one.',
  [String(languageTag)]: 'Of at most 255 characters, and each part is told from the next by its length or by a digit.',
  '/^(?:\\[([^\\]]*)\\]|([^:]*))(?::(\\d{1,5}))?$/': setting,
  '/(\\.[^./]+)?$/': setting,
  '/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/': setting,
  '/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g': setting,
  '/^(?:export\\s+)?([^\\s=]+)\\s*=(.*)$/': setting,
  '/^(?:([^=]*)=)?(.*)$/': setting,
  '/^([^=]*)=\\s*([^:]*):(.*)$/s': setting,
  '/_SERVICE_HOST$|_SERVICE_PORT|_PORT_\\d+_/': setting,
  '/\\/+$/': setting,
}

const root = new URL('../', import.meta.url)

function filesIn(folder: string, ending: string): readonly string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith(ending) && !file.endsWith('.d.ts'))
    .map(file => `${folder}${file}`)
}

const files = [...filesIn('src/', '.ts'), ...filesIn('public/', '.js')].filter(
  file => !file.startsWith('src/command/demo/'),
)

/** The regular expressions that stand in a part of a program. */
function* expressionsIn(part: unknown): Iterable<RegExp> {
  if (typeof part !== 'object' || part === null) return
  const { type, pattern, flags } = part as { type?: string; pattern?: string; flags?: string }
  if (type === 'RegExpLiteral') yield new RegExp(pattern!, flags)
  for (const inner of Object.values(part)) yield* expressionsIn(inner)
}

/** Each once, with the last file that it stands in. */
const found = new Map(
  files.flatMap(file => {
    const source = readFileSync(new URL(file, root), 'utf8')
    const syntax = file.endsWith('.ts') ? 'typescript' : 'ecmascript'
    const inFile = [...expressionsIn(parseSync(source, { syntax }))]
    return inFile.map(expression => [String(expression), [file, expression]] as const)
  }),
)

test.each([...found.values()])('in %s costs time in proportion to the length of the text: %s', (_file, expression) => {
  // For some of these the detector takes seconds.
  if (String(expression) in cleared) return
  const { safe } = isSafe(expression, { maxScore: 200, timeout: Number.POSITIVE_INFINITY })
  expect(safe).toBe(true)
})

test('each expression on the list of exceptions exists', () => {
  expect(Object.keys(cleared).filter(expression => !found.has(expression))).toEqual([])
})
