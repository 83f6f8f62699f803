// SPDX-License-Identifier: Apache-2.0
// The status page: which nodes are ready, asked again every two seconds. Text of nodes is only ever
// set as text.
const state = document.getElementById('state');
const table = document.getElementById('nodes');

function row(probe) {
  const tr = document.createElement('tr');
  for (const key of ['region', 'country', 'city', 'network']) {
    tr.insertCell().textContent = probe.location[key] || '–';
  }
  tr.insertCell().textContent = probe.version;
  return tr;
}

async function refresh() {
  try {
    const answer = await fetch('/v1/probes');
    if (!answer.ok) throw new Error(`the controller answered ${answer.status}`);
    const probes = await answer.json();
    table.tBodies[0].replaceChildren(...probes.map(row));
    table.hidden = probes.length === 0;
    state.textContent = probes.length === 0
      ? 'No node is ready yet. Make a token with "sonde token create" and start sonde-node with it.'
      : `${probes.length} ${probes.length === 1 ? 'node is' : 'nodes are'} ready.`;
    state.classList.remove('bad');
  } catch (error) {
    state.textContent = `No contact with the controller: ${error.message}.`;
    state.classList.add('bad');
  }
  setTimeout(refresh, 2000);
}

refresh();
