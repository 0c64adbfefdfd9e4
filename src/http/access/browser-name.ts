const longest = 512
export const otherBrowser = 'another client'

/** The first match counts, because most browsers also send marks of other browsers. */
const browsers: readonly (readonly [mark: string, name: string])[] = [
  ['Edg', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['FxiOS/', 'Firefox'],
  ['Firefox/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Version/', 'Safari'],
]

const systems: readonly (readonly [mark: string, name: string])[] = [
  ['Android', 'Android'],
  ['iPhone', 'iOS'],
  ['iPad', 'iOS'],
  ['Windows', 'Windows'],
  ['CrOS', 'ChromeOS'],
  ['Macintosh', 'macOS'],
  ['Linux', 'Linux'],
]

/** Such as `Firefox 140, Windows`. */
export function browserName(agent: string | undefined): string | undefined {
  if (agent === undefined) return undefined
  const text = agent.slice(0, longest)
  const found = browsers.find(([mark]) => text.includes(mark))
  const system = systems.find(([mark]) => text.includes(mark))?.[1]
  const name = found === undefined ? otherBrowser : `${found[1]}${versionAfter(text, found[0])}`
  return system === undefined ? name : `${name}, ${system}`
}

function versionAfter(text: string, mark: string): string {
  const [, version] = /^[A-Za-z]*\/?(\d{1,3})(?!\d)/.exec(text.slice(text.indexOf(mark) + mark.length, longest)) ?? []
  return version === undefined ? '' : ` ${Number(version)}`
}
