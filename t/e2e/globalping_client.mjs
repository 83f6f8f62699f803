// SPDX-License-Identifier: Apache-2.0
// A program as users of the npm package write it. It knows nothing of this controller: the redirect does.
// Arguments: the package's folder, then JSON of what there is to measure. One line for each check.
import { pathToFileURL } from 'node:url'

const [folder, text] = process.argv.slice(2)
const { Globalping, ApiError, MeasurementStatus } = await import(pathToFileURL(`${folder}/dist/esm/index.js`).href)
const have = JSON.parse(text)

const ok = (good, name, got) => console.log(`${good ? 'ok' : 'not ok'} - ${name}${good ? '' : `: ${JSON.stringify(got)}`}`)
const is = (got, want, name) => ok(JSON.stringify(got) === JSON.stringify(want), name, got)
const integer = (v) => Number.isInteger(v)

const client = new Globalping({ auth: have.token })

const types = {
  ping: { target: '127.0.0.1', measurementOptions: { packets: 2 } },
  traceroute: { target: '127.0.0.1' },
  mtr: { target: '127.0.0.1', measurementOptions: { packets: 2 } },
  dns: { target: 'www.example.com', measurementOptions: { resolver: '127.0.0.1', port: have.dns, query: { type: 'A' } } },
  http: { target: '127.0.0.1', measurementOptions: { protocol: 'HTTP', port: have.http, request: { method: 'GET', path: '/' } } }
}
const checks = {
  ping: (r) => {
    ok(r.timings.length === 2 && r.timings.every((t) => t.rtt > 0), 'ping: timings', r.timings)
    is([r.stats.total, r.stats.rcv, r.stats.drop, r.stats.loss], [2, 2, 0, 0], 'ping: stats')
  },
  traceroute: (r) => is(r.hops[0].resolvedAddress, '127.0.0.1', 'traceroute: hops'),
  mtr: (r) => ok(r.hops.length && integer(r.hops[0].stats.rcv) && Array.isArray(r.hops[0].asn), 'mtr: hops', r.hops),
  dns: (r) => {
    is([r.statusCode, r.statusCodeName], [0, 'NOERROR'], 'dns: status')
    is(r.answers.map((a) => [a.name, a.type, a.class, a.value]), [['www.example.com.', 'A', 'IN', '192.0.2.80']], 'dns: answers')
  },
  http: (r) => {
    is([r.statusCode, r.statusCodeName, r.rawBody, r.tls], [200, 'OK', 'hello', null], 'http: answer')
    ok(Object.values(r.timings).every((v) => v === null || integer(v)), 'http: timings', r.timings)
  }
}

for (const [type, request] of Object.entries(types)) {
  const created = await client.createMeasurement({ type, ...request, locations: [{ country: 'FR', limit: 1 }] })
  ok(created.ok, `${type}: created`, created.data)
  if (!created.ok) continue
  is([created.response.status, created.data.probesCount], [202, 1], `${type}: 202`)
  const done = await client.awaitMeasurement(created.data.id)
  ok(done.ok && done.data.status === MeasurementStatus.FINISHED, `${type}: finished`, done.data)
  Globalping.assertMeasurementType(type, done.data)
  const one = done.data.results[0]
  is([one.probe.country, one.probe.city, Array.isArray(one.probe.resolvers)], ['FR', 'Paris', true], `${type}: probe`)
  is(one.result.status, 'finished', `${type}: result`)
  if (one.result.status === 'finished') checks[type](one.result)
}

// A measurement that takes longer than one poll: the second one asks with the ETag of the first.
const slow = await client.createMeasurement({ type: 'ping', target: '127.0.0.1', measurementOptions: { packets: 6 } })
const done = await client.awaitMeasurement(slow.data.id)
is(done.data.results[0].result.stats.rcv, 6, 'a slow one')
const polls = exchanges.filter((e) => e.method === 'GET' && e.path.endsWith(slow.data.id))
ok(polls.length >= 3, 'was asked for several times', polls)
ok(polls.slice(1).every((e) => e.asked === polls[0].etag || e.asked), 'each time with what was seen last', polls)
ok(polls.some((e) => e.status === 304), '304 while nothing is new', polls)
ok(polls.every((e) => e.status === 200 || e.status === 304), 'and never too often', polls)
ok(exchanges.every((e) => e.agent.startsWith('globalping-typescript/')), 'the package is the unmodified one', exchanges[0])

const probes = await client.listProbes()
ok(probes.ok && probes.data.length === have.nodes, 'probes', probes.data)
is(Object.keys(probes.data[0]).sort(), ['location', 'resolvers', 'tags', 'version'], 'their members')
ok(probes.data.every((p) => p.resolvers.length && p.resolvers.every((r) => r === 'private' || /^[0-9a-f.:]+$/.test(r))),
  'their resolvers', probes.data)
const limits = await client.getLimits()
is(limits.data.rateLimit.measurements.create.type, 'user', 'limits')
ok(integer(limits.data.credits.remaining), 'with credits', limits.data)
is((await new Globalping().getLimits()).data.rateLimit.measurements.create.type, 'ip', 'limits of an address')

// Without the redirect's hand in it: what the package sends, as it sends it.
const direct = new Globalping({ auth: have.token })
direct.client.setConfig({ baseUrl: process.env.SONDE_URL })
const sent = await direct.createMeasurement({ type: 'ping', target: '127.0.0.1', measurementOptions: { packets: 1 } })
is(sent.response.status, 202, 'sent straight to the controller')
is((await direct.awaitMeasurement(sent.data.id)).data.results[0].result.stats.rcv, 1, 'and read straight from it')

// Nodes of an earlier measurement.
const first = await client.createMeasurement({ type: 'ping', target: '127.0.0.1', limit: 2 })
await client.awaitMeasurement(first.data.id)
const again = await client.createMeasurement({ type: 'ping', target: '127.0.0.1', locations: first.data.id })
is(again.data?.probesCount, 2, 'the nodes of an earlier one')

// Errors, as a value and as an exception.
const errors = {
  400: [client, { type: 'ping', target: '127.0.0.1', limit: 0 }, 'validation_error'],
  401: [new Globalping({ auth: 'nonsense' }), { type: 'ping', target: '127.0.0.1' }, 'unauthorized'],
  422: [client, { type: 'ping', target: '127.0.0.1', locations: [{ country: 'AQ' }] }, 'no_probes_found'],
  429: [new Globalping({ auth: have.poor }), { type: 'ping', target: '127.0.0.1', limit: 2 }, 'rate_limit_exceeded']
}
for (const [status, [who, request, type]] of Object.entries(errors)) {
  const r = await who.createMeasurement(request)
  is([r.ok, r.response.status, r.data.error?.type], [false, Number(status), type], `${status} ${type}`)
  ok(r.data.error?.message && r.data.links?.documentation, `${status}: message and link`, r.data)
}
const params = (await client.createMeasurement(errors[400][1])).data.error.params
ok(params?.limit, '400 names the field', params)
const missing = await client.getMeasurement('nosuchid')
is([missing.ok, missing.response.status, missing.data.error.type], [false, 404, 'not_found'],
  'a measurement that is not there is a 404')
try {
  await new Globalping({ throwApiErrors: true }).getMeasurement('nosuchid')
  ok(false, 'an exception')
} catch (e) {
  ok(e instanceof ApiError && e.data.error.type === 'not_found', 'an exception of the right kind', String(e))
}
console.log('done')
