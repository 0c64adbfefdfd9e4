// What the table of settings says to operators: `.env.example` and docs/settings.md.
import { type Setting, sections } from './settings.js'

const rows = (section: Record<string, Setting>) => Object.entries(section)

function described({ kind: { range, words }, sentence }: Setting): string {
  if (range !== undefined) return `${sentence} From ${range[0]} to ${range[1]}.`
  if (words !== undefined) return `${sentence} One of ${words.map(word => `\`${word}\``).join(', ')}.`
  return sentence
}

/** A file to copy to `.env`: all settings with their defaults, commented out unless they are required. */
export function envExample(): string {
  const blocks = Object.entries(sections).flatMap(([title, section]) => [
    `## ${title}`,
    ...rows(section).map(
      ([name, setting]) =>
        `# ${described(setting)}\n${setting.required === undefined ? '#' : ''}${name}=${setting.default ?? ''}`,
    ),
  ])
  const head = `# The settings of warm-bindings, each with its default. Copy this file to .env, fill in the two lines without
# a # in front, and take the # away from those you want to change. A value with a # or a space in it needs quotes.`
  return [head, ...blocks].join('\n\n') + '\n'
}

/** The tables of all settings, by section. */
export function settingsTables(): string {
  const tables = Object.entries(sections).map(([title, section]) =>
    [
      `## ${title}\n`,
      '| Setting | Default | What it does |',
      '|---|---|---|',
      ...rows(section).map(([name, setting]) => {
        const usual = setting.default ? `\`${setting.default}\`` : (setting.required ?? 'none')
        return `| \`${name}\` | ${usual} | ${described(setting)} |`
      }),
    ].join('\n'),
  )
  const head = `# Settings

<!-- Written by \`npm run settings\` from src/config/settings.ts: change it there. -->

Settings are environment variables. Those in a file \`.env\` in the working directory count as well, where each line is \`NAME=value\`,
a comment or blank; a value with a \`#\` is put in quotes. An empty value counts as not set. Switches are \`on\` or \`off\` (also \`true\`, \`yes\`,
\`1\`, \`false\`, \`no\`, \`0\`). Start-up stops with a list of everything that is wrong, and logs a warning for a name that looks like one of
these but is none; \`warm-bindings --check-config\`, or \`npm start -- --check-config\` in a clone, says the same without starting. What belongs
together, with examples, is in [Run it in production](production.md).`
  return [head, ...tables].join('\n\n') + '\n'
}
