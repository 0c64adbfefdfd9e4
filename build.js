// What `npm run build` makes of src/: dist/, and in dist/browser the two modules for pages, each of one file; their types are in dist/types. The documents are in dist/docs.json.
import { execFileSync } from 'node:child_process'
import { build } from 'esbuild'
import { buildDocs } from './build-docs.js'

/** Members that no page, no Strophe and no stored memory knows, by names that are long: about 200 bytes less, compressed. */
const ownNames =
  /^(answered|arrivals|arrived|blocked|cancel|check|confirm|confirmed|confirming|contacts|departures|failAll|failed|failing|forgetSession|forgetUser|giveUp|goOn|isKnown|socket|isRepeated|joining|lost|nextRid|online|presence|recall|release|reset|resume|retryAfter|sendMessages|sendUnsent|settled|showOwn|startAfter|succeeded|take|takeBack|takeOver|tellState|unsent|kept|drop|leave|note|since)$/

for (const project of ['tsconfig.build.json', 'src/packages/browser'])
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', project], { stdio: 'inherit' })
for (const [source, name, mangleProps] of [
  ['connect', 'warm-bindings', ownNames],
  // Converse has members of the same names.
  ['converse', 'warm-bindings-converse', /^(cancel|next|retryAfter|seen|succeeded)$/],
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
