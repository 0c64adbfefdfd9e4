import { formPairs } from '../lib/text/form-pairs.js'
import { handlePattern } from '../session/sid.js'
import { badParameter, missingParameter } from './parameter-kinds.js'
import { endParameters, mostSelected } from './parameters.js'
import { valuesOf } from './read-parameters.js'

const handle = new RegExp(`^${handlePattern}$`)

/** Throws a `Problem`. */
export function readSelection(text: string) {
  const ids = new Set<string>()
  const others: (readonly [string | undefined, string | undefined])[] = []
  for (const pair of formPairs(text)) {
    const [name, value] = pair
    if (name !== 'id') others.push(pair)
    else if (value !== undefined && handle.test(value)) ids.add(value)
    else throw badParameter('id', 'The id of a session.')
  }
  const { jid, back, csrf_token } = valuesOf(others, endParameters, 'form', value => value === '')
  if (ids.size > mostSelected) throw badParameter('id', `At most ${mostSelected} sessions.`)
  if (jid === undefined && ids.size === 0) throw missingParameter('id', 'Select at least one session.')
  if (jid !== undefined && ids.size > 0) throw badParameter('id', 'Either jid or id is allowed.')
  return { ids: [...ids], jid, back, csrf_token }
}
