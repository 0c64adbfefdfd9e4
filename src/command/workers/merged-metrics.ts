interface Family {
  readonly about: string[]
  readonly toldBy: string
  readonly samples: string[]
}

/** Adds the label `worker` to each sample. Values are not summed. */
export function mergedMetrics(texts: ReadonlyMap<string, string>): string {
  const families = new Map<string, Family>()
  for (const [worker, text] of texts) addText(families, `worker="${worker}"`, text)
  return [...families.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n')
}

function addText(families: Map<string, Family>, label: string, text: string): void {
  let family: Family = { about: [], toldBy: label, samples: [] }
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) {
      const [, , name = ''] = line.split(' ', 3)
      family = families.get(name) ?? { about: [], toldBy: label, samples: [] }
      families.set(name, family)
      if (family.toldBy === label) family.about.push(line)
    } else if (line !== '') family.samples.push(labelled(line, label))
  }
}

function labelled(sample: string, label: string): string {
  const at = sample.search(/[{ ]/)
  const name = sample.slice(0, at)
  const rest = sample.slice(at + 1)
  if (sample[at] === ' ') return `${name}{${label}} ${rest}`
  return rest.startsWith('}') ? `${name}{${label}${rest}` : `${name}{${label},${rest}`
}
