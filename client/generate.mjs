// Writes src/generated.ts: the types of the variables and the answers of all documents.
import { readFileSync, writeFileSync } from 'node:fs'
import { codegen } from '@graphql-codegen/core'
import * as operations from '@graphql-codegen/typescript-operations'
import { buildSchema, parse } from 'graphql'
import * as documents from './dist/documents.js'

const schema = readFileSync(new URL('../schema.graphqls', import.meta.url), 'utf8')
const text = await codegen({
  filename: 'generated.ts',
  schema: parse(schema),
  schemaAst: buildSchema(schema),
  documents: Object.entries(documents).map(([location, text]) => ({ location, document: parse(text) })),
  config: {
    scalars: { ID: 'string', DateTime: 'string', EventCursor: 'string', JSON: 'unknown' },
    skipTypename: true, enumsAsTypes: true, enumType: 'string-literal', avoidOptionals: { field: true }, useTypeImports: true, namingConvention: 'keep',
    inlineFragmentTypes: 'combine', dedupeFragments: true,
  },
  plugins: [{ operations: {} }],
  pluginMap: { operations },
})
const header = '// Written by `npm run generate` from schema.graphqls and documents.ts.\n\n'
writeFileSync(process.argv[2] ?? new URL('src/generated.ts', import.meta.url), header + text.trim() + '\n')
