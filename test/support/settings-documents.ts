import type { Setting } from '../../src/config/setting.js'
import { sections } from '../../src/config/settings.js'

const rows = (section: Record<string, Setting>) => Object.entries(section)

const described = ({ kind: { words = [] }, sentence }: Setting) =>
  words.every(word => sentence.includes(`\`${word}\``))
    ? sentence
    : `${sentence} One of ${words.map(word => `\`${word}\``).join(', ')}.`

const rangeOf = ({ kind: { range } }: Setting) => (range === undefined ? '' : `${range[0]} to ${range[1]}`)

const withRange = (setting: Setting) => {
  const range = rangeOf(setting)
  return range === '' ? described(setting) : `${described(setting)} From ${range}.`
}

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
  const blocks = Object.entries(sections).flatMap(([title, section]) => [
    `## ${title}`,
    ...rows(section).map(
      ([name, setting]) =>
        `${wrapped(withRange(setting), '# ', '# ')}\n${setting.required === undefined ? '#' : ''}${name}=${setting.default ?? ''}`,
    ),
  ])
  const head = `# The settings of warm-bindings with their defaults. Copy this file to .env and fill in the two lines without a #.
# To change another setting, remove the # of its line. Put a value with a # into quotes.`
  return [head, ...blocks].join('\n\n') + '\n'
}

export function settingsLists(): string {
  const lists = Object.entries(sections).map(([title, section]) =>
    [
      `## ${title}\n`,
      ...rows(section).map(([name, setting]) => {
        const text = described(setting)
        const missing = setting.required ?? (text.includes('Default: ') ? '' : 'none')
        const usual = setting.default ? `\`${setting.default}\`` : missing
        const facts = [usual, rangeOf(setting)].filter(fact => fact !== '').join(', ')
        return wrapped(
          `\`${name}\`${setting.reloads ? ' ↻' : ''}${facts === '' ? '' : ` (${facts})`}: ${text}`,
          '- ',
          '  ',
        )
      }),
    ].join('\n'),
  )
  const head = `# Every setting

<!-- Written by \`npm run settings\` from src/config/settings.ts: change it there. -->

Settings are environment variables, or lines \`NAME=value\` of the file \`.env\` in the working directory. The default is in
parentheses, with the allowed range, or at the end of the text.

- ↻: a reload (\`SIGHUP\`) changes this setting. Other settings need a restart.
- An empty value counts as not set.
- Switches are \`on\` or \`off\` (also \`true\`, \`yes\`, \`1\`, \`false\`, \`no\`, \`0\`).
- Put a value with a \`#\` into quotes.
- If settings are invalid, the service lists all faults and does not start. Misspelt names cause a warning.`
  return [head, ...lists].join('\n\n') + '\n'
}
