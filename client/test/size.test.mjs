// What a page loads at first, without graphql-ws and without what only the leading tab, a browser
// with IndexedDB, or a network without WebSockets needs.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { build } from 'esbuild'

test('the library is at most 8 KiB', async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../dist/index.js', import.meta.url))], outdir: 'out', write: false, metafile: true,
    bundle: true, splitting: true, minify: true, format: 'esm', external: ['graphql-ws'],
  })
  const size = new Map(outputFiles.map(({ path, contents }) => [path.split('/').at(-1), gzipSync(contents, { level: 9 }).length]))
  const first = new Set()
  const need = (path) => {
    first.add(path)
    for (const { path: next, kind } of metafile.outputs[path].imports) if (kind === 'import-statement' && next in metafile.outputs) need(next)
  }
  need(Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint?.endsWith('index.js')))
  const sum = (paths) => paths.reduce((total, path) => total + size.get(path.split('/').at(-1)), 0)
  console.log(`at first ${sum([...first])} bytes, everything ${sum(Object.keys(metafile.outputs))} bytes`)
  assert.ok(sum([...first]) <= 8192, `${sum([...first])} bytes are loaded at first`)
})
