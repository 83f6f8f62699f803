// SPDX-License-Identifier: Apache-2.0
// The shell: navigation, the bar that says when contact is lost, and the view of the address.
import { type ComponentType, type JSX, render } from 'preact';
import { logOut, refused, takeTokenFromAddress, token } from './api.ts';
import { clock, span } from './format.ts';
import { said } from './parts.tsx';
import { href, route } from './route.ts';
import {
  behind,
  contact,
  contactAt,
  contactError,
  may,
  now,
  nodes,
  problems,
  refresh,
  role,
  run,
  schedules,
  watches,
  who,
} from './store.ts';
import { start as startTheme, theme, toggle } from './theme.ts';
import { Account } from './views/account.tsx';
import { Admin } from './views/admin.tsx';
import { Events } from './views/events.tsx';
import { LoginPage } from './views/login.tsx';
import { MapView } from './views/map.tsx';
import { Measure } from './views/measure.tsx';
import { Nodes } from './views/nodes.tsx';
import { Now } from './views/now.tsx';
import { Paths } from './views/paths.tsx';
import { Policies } from './views/policies.tsx';
import { Schedules } from './views/schedules.tsx';
import { Series } from './views/series.tsx';
import './style.css';

interface View {
  name: string;
  title: string;
  hidden?: boolean; // not in the list of views
  show: ComponentType;
  shown?: () => boolean; // to this role
}

const VIEWS: View[] = [
  { name: 'now', title: 'Now', show: Now },
  { name: 'nodes', title: 'Nodes', show: Nodes },
  { name: 'map', title: 'Map', show: MapView },
  { name: 'measure', title: 'Measure', show: Measure },
  { name: 'series', title: 'Series', show: Series },
  { name: 'paths', title: 'Paths', show: Paths },
  { name: 'schedules', title: 'Schedules', show: Schedules, shown: watches },
  { name: 'events', title: 'Events', show: Events, shown: watches },
  { name: 'policies', title: 'Policies', show: Policies, shown: () => may('viewer') },
  { name: 'admin', title: 'Admin', show: Admin, shown: () => may('admin') },
  { name: 'account', title: 'Account', show: Account, hidden: true },
];

function badge(name: string): string {
  if (name === 'nodes') return nodes.value.length ? String(nodes.value.length) : '';
  if (name === 'schedules') return schedules.value?.length ? String(schedules.value.length) : '';
  if (name === 'events') {
    const open = (problems.value ?? []).filter((p) => p.state === 'open' && !p.silenced).length;
    return open ? String(open) : '';
  }
  return '';
}

function Contact(): JSX.Element | null {
  if (contact.value === 'lost') {
    const old = contactAt.value
      ? ` What you see is from ${clock(contactAt.value)}, ${span(now.value - contactAt.value)} ago.`
      : '';
    return (
      <div class="bar warn" role="alert">
        {contactError.value}
        {old} Trying again.
      </div>
    );
  }
  if (refused.value)
    return (
      <div class="bar warn" role="alert">
        The controller does not accept this token (any more). <a href="#/login">Log in again</a>.
      </div>
    );
  const late = [...behind.value][0];
  if (late)
    return (
      <div class="bar warn" role="alert">
        What you see of {late[0]} may be old: {late[1]} Trying again.
      </div>
    );
  return null;
}

function Said(): JSX.Element | null {
  const s = said.value;
  if (!s) return null;
  return (
    <div class={`note head ${s.bad ? 'bad' : ''}`} role="status">
      <span>{s.text}</span>
      <button type="button" class="plain" onClick={() => (said.value = null)}>
        Close
      </button>
    </div>
  );
}

async function leave(): Promise<void> {
  await logOut();
  refresh();
}

// On a narrow screen the views scroll sideways.
function showCurrent(nav: HTMLElement | null): void {
  const link = nav?.querySelector<HTMLElement>('[aria-current]');
  if (nav && link) nav.scrollLeft = link.offsetLeft - nav.offsetLeft - 40;
}

function Side({ current }: { current: string }): JSX.Element {
  return (
    <header class="side">
      <div class="brand">
        <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
          <circle cx="10" cy="10" r="2.6" fill="currentColor" />
          <path
            d="M4.5 15.5a7.8 7.8 0 0 1 0-11M15.5 4.5a7.8 7.8 0 0 1 0 11"
            fill="none"
            stroke="currentColor"
            stroke-width="1.8"
          />
        </svg>
        Sonde
      </div>
      <nav aria-label="Views" ref={showCurrent} key={current}>
        {VIEWS.filter((v) => !v.hidden && (v.shown?.() ?? true)).map((v) => (
          <a
            key={v.name}
            href={href(v.name)}
            aria-current={v.name === current ? 'page' : undefined}
          >
            <span>{v.title}</span>
            <span class="muted small">{badge(v.name)}</span>
          </a>
        ))}
      </nav>
      <div class="foot">
        <span class="long">
          {!may('viewer') ? (
            'Not logged in'
          ) : who.value ? (
            <a href={href('account')}>
              {who.value} ({role.value})
            </a>
          ) : (
            'Logged in as administrator'
          )}
        </span>
        {token.value ? (
          <button type="button" onClick={() => void leave()}>
            Log out
          </button>
        ) : (
          <a class="button" href="#/login">
            Log in
          </a>
        )}
        <button type="button" onClick={toggle}>
          {theme.value === 'dark' ? 'Light' : 'Dark'}
        </button>
      </div>
    </header>
  );
}

function App(): JSX.Element {
  const name = route.value.view;
  if (name === 'login') return <LoginPage />;
  const view = VIEWS.find((v) => v.name === name) ?? (VIEWS[0] as View);
  const Show = view.show;
  document.title = `${view.title} – Sonde`;
  return (
    <>
      <Contact />
      <div class="shell">
        <Side current={view.name} />
        <main id="main">
          <Said />
          <Show />
        </main>
      </div>
    </>
  );
}

takeTokenFromAddress();
startTheme();
const root = document.getElementById('app');
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
addEventListener('hashchange', () => (said.value = null));
void run();
