import { percentDecoded } from '../../lib/text/form-pairs.js'
import { type Kind, type Report, switches } from './kinds.js'

export type Options = ReadonlyMap<string, string>

/** Unlike URLSearchParams, keeps a plus, for example in file names. */
export function readOptions(query: string, known: readonly string[], report: Report): Options {
  const options = new Map<string, string>()
  for (const option of query === '' ? [] : query.split('&')) {
    const [key = '', value = ''] = option.split(/=(.*)/s, 2)
    if (!known.includes(key)) report(`has an unknown option "${key}"`)
    else if (options.has(key)) report(`has the option ${key} twice`)
    else options.set(key, percentDecoded(value) ?? report(`has a % in ${key} that begins no escape: write %25`) ?? '')
  }
  return options
}

export function readOption<T>(options: Options, name: string, kind: Kind<T>, report: Report): T | undefined {
  const text = options.get(name)
  return text === undefined ? undefined : kind(text, problem => report(`has ${name}, which ${problem}`))
}

export function readSwitch(options: Options, name: string, otherwise: 'on' | 'off', report: Report): boolean {
  const text = options.get(name) ?? otherwise
  return switches.get(text) ?? report(`must have ${name}=on or ${name}=off`) ?? otherwise === 'on'
}
