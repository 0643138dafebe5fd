// An identity provider for the tests: anybody signs in under any name, whose verified e-mail address
// is NAME@acme.example. It prints its address. TOKEN_SECONDS is how long access tokens are valid,
// LOGOUT_URI is told of logouts, and CONSOLE is the address of the console that signs people in.
import { createServer } from 'node:http'
import { generateKeyPairSync } from 'node:crypto'
import { Provider } from 'oidc-provider'

const key = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }
const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const email = (sub) => ({ email: `${sub}@acme.example`, email_verified: true })
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    cookies: { keys: ['only for tests'] },
    clients: [{
      client_id: 'frontend',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['https://inbox.example/signed-in'],
      grant_types: ['authorization_code', 'refresh_token'],
      backchannel_logout_uri: process.env.LOGOUT_URI,
      backchannel_logout_session_required: true,
    }, {
      client_id: 'console',
      application_type: 'native', // which may be redirected to an address of this machine
      token_endpoint_auth_method: 'none',
      redirect_uris: [process.env.CONSOLE],
      grant_types: ['authorization_code'],
    }],
    clientBasedCORS: (_, origin) => origin === new URL(process.env.CONSOLE).origin,
    // By default it sends nothing to addresses of this machine.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...email(sub) }) }),
    extraTokenClaims: (_, token) => email(token.accountId),
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    rotateRefreshToken: false,
    ttl: { AccessToken: Number(process.env.TOKEN_SECONDS), IdToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, RefreshToken: 3600 },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'https://desk.example',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'inbox', audience: 'switchboard', accessTokenFormat: 'jwt', accessTokenTTL: Number(process.env.TOKEN_SECONDS),
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  })
  provider.on('server_error', (_, error) => console.error(error))
  provider.on('backchannel.error', (_, error) => console.error(error))
  server.on('request', provider.callback())
  console.log(issuer)
})
