// Each guard is switched off in a copy of the library, and the test of the list must notice.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { guards } from './guards.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

for (const [rule, { file, text, off }] of Object.entries(guards)) {
  test(`without the guard it fails: ${rule}`, () => {
    const built = readFileSync(join(root, 'dist', file), 'utf8')
    assert.equal(built.split(text).length, 2, `${file} has the guard once`)
    const copy = mkdtempSync(join(root, 'dist', 'without-'))
    try {
      writeFileSync(join(copy, file), built.replace(text, off))
      const run = spawnSync(process.execPath, ['--test', join(root, 'test/list.test.mjs')], {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, CLIENT_LIST: join(copy, file), SEED: '1' }, encoding: 'utf8',
      })
      assert.equal(run.status, 1, run.stdout)
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
}
