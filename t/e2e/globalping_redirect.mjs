// SPDX-License-Identifier: Apache-2.0
// Loaded before a program: what it sends to api.globalping.io goes to SONDE_URL instead. Of each exchange
// it keeps method, path, status and what was said about caching, in globalThis.exchanges.
const real = globalThis.fetch
const to = new URL(process.env.SONDE_URL)
globalThis.exchanges = []

globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  if (url.host !== 'api.globalping.io') return real(input, init)
  url.protocol = to.protocol
  url.host = to.host
  const asked = new Request(input, init)
  // Read first: a stream would be sent in chunks, which the program itself does not do.
  const body = asked.body && await asked.arrayBuffer()
  const answer = await real(url, { method: asked.method, headers: asked.headers, body, signal: asked.signal })
  globalThis.exchanges.push({ method: asked.method, path: url.pathname, status: answer.status,
    asked: asked.headers.get('if-none-match'), etag: answer.headers.get('etag'), agent: asked.headers.get('user-agent') })
  return answer
}
