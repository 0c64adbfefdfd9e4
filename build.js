// `npm run build` writes the types of the client, compiles src/ to dist/, bundles the modules for pages to dist/browser,
// and writes dist/docs.json.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'
import { buildClientTypes } from './build-client-types.js'
import { buildDocs } from './build-docs.js'

/** Members that no page, Strophe or stored data uses. Short names save 200 bytes, compressed. */
const ownNames =
  /^(all|answered|arrivals|arrived|blocked|broken|cancel|change|changed|check|confirm|confirmed|confirming|confirmSent|contacts|departures|failAll|failTooLong|failed|failing|failInDoubt|goOn|isAnyPending|isHolding|isKnown|isMending|isSilent|socket|isRepeated|lost|miss|nextRid|notices|onChange|online|presence|recall|release|repeats|resume|retryAfter|moves|sendWaiting|settled|showOwn|signs|succeeded|take|takeBack|takenOver|turn|unanswered|useSocket|tellState|unsent|kept|drop|leave|note|since)$/

/** The same, without names that members of Converse have, too. */
const namesBesideConverse =
  /^(acknowledged|all|arrived|askServer|attached|begin|broken|cancel|change|count|failTooLong|found|goOn|isConfirmed|isCounted|isInDoubt|isMending|isReady|isResuming|leave|next|note|notices|onChange|opens|refused|reread|retryAfter|sent|signs|succeeded|take|takeBack|takeBackUnacked|takeLeft|takeOver|takenOver|turn|unanswered|unsent)$/

await buildClientTypes()
for (const project of ['tsconfig.build.json', 'src/packages/browser'])
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'inherit' })
for (const [source, name, mangleProps] of [
  ['connect', 'warm-bindings', ownNames],
  ['more', 'warm-bindings-more', undefined],
  ['converse', 'warm-bindings-converse', namesBesideConverse],
])
  await build({
    entryPoints: [`src/packages/browser/${source}.ts`],
    outfile: `dist/browser/${name}.js`,
    bundle: true,
    minify: true,
    mangleProps,
    format: 'esm',
    target: 'es2022',
  })
buildDocs('dist/docs.json')
