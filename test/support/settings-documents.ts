// docs/settings.md has a sentence for each setting. Its other facts, and `.env.example`, follow from the table of settings.
import { readFileSync } from 'node:fs'
import type { Setting } from '../../src/config/setting.js'
import { type Name, settings } from '../../src/config/settings.js'

const [head, ...parts] = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8')
  .trim()
  .split('\n\n## ')

export const sections = parts.map(part => {
  const [title, ...entries] = part.split(/\n+- /)
  return { title, entries: entries.map(readEntry) }
})

/** The facts in parentheses are made anew, except that the setting is required. So is the list of words at the end. */
function readEntry(entry: string) {
  const [, name = '', required, text = ''] =
    /^`(\w+)`[^(:]*(?:\((?:(required[^)]*)|[^)]*)\))?: (.*)$/.exec(entry.replaceAll('\n  ', ' ')) ?? []
  const setting: Setting | undefined = settings[name as Name]
  if (setting === undefined) throw new Error(`docs/settings.md has ${entry}, which is no setting`)
  const { words = [] } = setting.kind
  const sentence = text.replace(/ One of (?:`[^`]+`(?:, )?)+\.$/, '')
  const isListed = words.every(word => sentence.includes(`\`${word}\``))
  const list = words.map(word => `\`${word}\``).join(', ')
  return { name: name as Name, setting, required, sentence: isListed ? sentence : `${sentence} One of ${list}.` }
}

const rangeOf = ({ kind: { range } }: Setting) => (range === undefined ? '' : `${range[0]} to ${range[1]}`)

/** In characters. */
const lineLength = 120

function wrapped(text: string, start: string, indent: string): string {
  let line = start
  let isEmpty = true
  const lines: string[] = []
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > lineLength) {
      lines.push(line)
      line = indent
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line].join('\n')
}

export function envExample(): string {
  const blocks = sections.flatMap(({ title, entries }) => [
    `## ${title}`,
    ...entries.map(({ name, setting, required, sentence }) => {
      const range = rangeOf(setting)
      const text = range === '' ? sentence : `${sentence} From ${range}.`
      return `${wrapped(text, '# ', '# ')}\n${required === undefined ? '#' : ''}${name}=${setting.default ?? ''}`
    }),
  ])
  const head = `# The settings of warm-bindings with their defaults. Copy this file to .env and fill in the two lines without a #.
# To change another setting, remove the # of its line. Put a value with a # into quotes.`
  return [head, ...blocks].join('\n\n') + '\n'
}

export function settingsLists(): string {
  const lists = sections.map(({ title, entries }) => {
    const items = entries.map(({ name, setting, required, sentence }) => {
      const missing = required ?? (sentence.includes('Default: ') ? '' : 'none')
      const usual = setting.default ? `\`${setting.default}\`` : missing
      const facts = [usual, rangeOf(setting)].filter(fact => fact !== '').join(', ')
      const start = `\`${name}\`${setting.reloads ? ' ↻' : ''}${facts === '' ? '' : ` (${facts})`}`
      return wrapped(`${start}: ${sentence}`, '- ', '  ')
    })
    return `## ${title}\n\n${items.join('\n')}`
  })
  return [head, ...lists].join('\n\n') + '\n'
}
