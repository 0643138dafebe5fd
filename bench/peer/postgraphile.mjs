// PostGraphile 5 over the tables of the server, with its recommended preset. Columns may be filtered
// and sorted by although they are not the first of an index; they are the second, after the workspace.
import { postgraphile } from 'postgraphile'
import { grafserv } from 'postgraphile/grafserv/node'
import { makePgService } from 'postgraphile/adaptors/pg'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { options, poolSize, serve } from './serve.mjs'

const preset = {
  extends: [PostGraphileAmberPreset],
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [makePgService({ connectionString: options.url, schemas: ['public'], poolConfig: { max: poolSize } })],
  grafserv: { graphiql: false, watch: false },
  grafast: { explain: false },
}

await serve(['postgraphile', 'grafast', 'graphql', 'pg'], async server => {
  await postgraphile(preset).createServ(grafserv).addTo(server)
})
