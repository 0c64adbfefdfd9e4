// The rules of `promtool check metrics` (client_golang, prometheus/testutil/promlint), whose package is large.

const abbreviations = ['s', 'ms', 'us', 'ns', 'sec', 'b', 'kb', 'mb', 'gb', 'tb', 'pb', 'm', 'h', 'd']
const otherUnits =
  /(?:^|_)(?:milli|micro|nano|kilo|mega|giga|kibi|mebi)?(?:minutes?|hours?|days?|weeks?|kelvin|bits?)(?:_|$)/
const scaled = /(?:^|_)(?:milli|micro|nano|kilo|mega|giga|kibi|mebi)(?:seconds?|bytes?)(?:_|$)/
const types = /(?:^|_)(?:counter|gauge|histogram|summary)(?:_|$)/

export function lintMetrics(text: string): string[] {
  const helps = new Set<string>()
  const kinds = new Map<string, string>()
  const problems = new Set<string>()
  const samples = new Set<string>()
  const bad = (name: string, what: string) => void problems.add(`${name}: ${what}`)
  for (const line of text.split('\n').filter(Boolean)) {
    const [, comment, about, rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? []
    if (comment === 'HELP') {
      if (helps.has(about!)) bad(about!, 'HELP twice')
      if (rest !== '') helps.add(about!)
    } else if (comment === 'TYPE') {
      if (kinds.has(about!)) bad(about!, 'TYPE twice')
      kinds.set(about!, rest)
    } else {
      const [, sample = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      const name = kinds.has(sample) ? sample : sample.replace(/_(?:bucket|sum|count)$/, '')
      if (!kinds.has(name)) bad(line, 'no TYPE')
      if (!helps.has(name)) bad(name, 'no HELP')
      if (samples.has(`${sample}{${labels}}`)) bad(line, 'twice')
      samples.add(`${sample}{${labels}}`)
      if (!/^(?:nan|[+-]Inf)$/i.test(value) && !Number.isFinite(Number(value))) bad(line, 'no number')
      const names = Array.from(labels.matchAll(/(?:^|,)(\w+)="(?:[^"\\]|\\.)*"/g), ([, label]) => label!)
      if (new Set(names).size !== names.length) bad(line, 'a label twice')
      for (const label of names) {
        if (/[A-Z]/.test(label)) bad(name, `label ${label} in camel case`)
        if (label === 'le' && kinds.get(name) !== 'histogram') bad(name, 'label le')
        if (label === 'quantile' && kinds.get(name) !== 'summary') bad(name, 'label quantile')
        if (name.split('_').join('').endsWith(`by${label}`)) bad(name, `the name repeats the label ${label}`)
      }
    }
  }
  for (const [name, type] of kinds) {
    if ((type === 'counter') !== name.endsWith('_total')) bad(name, `_total and ${type}`)
    if (type !== 'histogram' && /_bucket$/.test(name)) bad(name, 'ends as a part of a histogram')
    if (type !== 'histogram' && type !== 'summary' && /_(?:count|sum)$/.test(name))
      bad(name, 'ends as a part of a histogram')
    if (/[A-Z]/.test(name)) bad(name, 'camel case')
    if (name.includes(':')) bad(name, 'a colon')
    if (types.test(name)) bad(name, 'its type in the name')
    if (otherUnits.test(name) || scaled.test(name)) bad(name, 'no base unit')
    if (name.split('_').some(word => abbreviations.includes(word))) bad(name, 'an abbreviated unit')
  }
  return [...problems]
}
