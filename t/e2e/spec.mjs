// SPDX-License-Identifier: Apache-2.0
// node spec.mjs MODULES SPEC.json EXCHANGES.json: holds what a controller answered, and what it was
// asked, to the schemas of its own OpenAPI document. One line of JSON per exchange: what is wrong, or null.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [modules, specFile, exchangesFile] = process.argv.slice(2);
const Ajv = createRequire(modules + '/').call(null, 'ajv/dist/2020').default;
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
ajv.addFormat('date-time', (text) => !Number.isNaN(Date.parse(text)) && /T.*Z$/.test(text));
const spec = JSON.parse(readFileSync(specFile, 'utf8'));
ajv.addSchema(spec, 'spec');

const pointer = (...parts) => 'spec#/' + parts.map((p) => p.replaceAll('~', '~0').replaceAll('/', '~1'))
  .map(encodeURIComponent).join('/');

function wrong(at, value) {
  const check = ajv.getSchema(at);
  if (!check) return `${at} is no schema`;
  return check(value) ? null : ajv.errorsText(check.errors, { dataVar: 'answer' });
}

function judge(e) {
  const operation = spec.paths[e.path]?.[e.method.toLowerCase()];
  if (!operation) return 'not in the document';
  let at = ['paths', e.path, e.method.toLowerCase(), 'responses', String(e.status)];
  let answer = operation.responses[String(e.status)];
  if (!answer) return `status ${e.status} is not in the document`;
  if (answer.$ref) {
    at = answer.$ref.slice(2).split('/');
    answer = at.reduce((o, k) => o[k], spec);
  }
  if (e.ok && e.sent !== undefined && operation.requestBody) {
    const bad = wrong(pointer('paths', e.path, e.method.toLowerCase(), 'requestBody', 'content',
      'application/json', 'schema'), e.sent);
    if (bad) return 'the request: ' + bad;
  }
  if (!answer.content) return e.type ? `no body is promised, ${e.type} came` : null;
  const type = (e.type || '').split(';')[0];
  if (!answer.content[type]) return `${type || 'no body'} came, ${Object.keys(answer.content)} is promised`;
  return type === 'application/json' || type.endsWith('+json') ?
    wrong(pointer(...at, 'content', type, 'schema'), e.answer) : null;
}

for (const e of JSON.parse(readFileSync(exchangesFile, 'utf8')))
  console.log(JSON.stringify(judge(e)));
