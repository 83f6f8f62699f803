#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The life of a node, with real programs: tokens, statuses, settings, keys, bans, drain, log, self-test,
# version floor, local API.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use File::Copy qw(copy);
use HTTP::Tiny;
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep time);

my $s = Sonde->new;
$s->start_controller('--deregistered', '2s', '--latitude', '50.11', '--longitude', '8.68');

sub node_becomes {
  my ($name, $test, $limit) = @_;
  return $s->until($limit || 10, sub { my $n = $s->node($name); $n && $test->($n) });
}

sub has_status { my ($name, $status, $limit) = @_;
  return node_becomes($name, sub { $_[0]{status} eq $status }, $limit) }

sub one {
  my ($name, %o) = @_;
  return $s->measure({ type => 'echo', target => 'x', locations => [ { node => $name } ], %o });
}

subtest 'tokens: pending, expiry, and who used them' => sub {
  my $t = $s->post('/v1/registration-tokens', { uses => 1, region => 'from-token',
    description => 'one node' })->{json};
  $s->start_node('pending', token => $t->{token}, flags => { region => '' });
  ok(has_status('pending', 'pending'), 'a node of a token without approval is pending');
  is($s->node('pending')->{location}{region}, 'from-token', 'its region comes from the token');
  my ($row) = grep { $_->{id} eq $t->{id} } @{ $s->get('/v1/registration-tokens')->{json} };
  is_deeply([ map { $_->{name} } @{ $row->{nodes} } ], ['pending'], 'the token knows its node');
  is($row->{usable}, JSON::PP::false, 'and is used up');
  my ($code) = $s->cli('node', 'approve', 'pending');
  is($code, 0, 'approved');
  ok(has_status('pending', 'online'), 'online');
  $s->kill('pending', 'TERM');
  ok(has_status('pending', 'deregistered'), 'a node that says goodbye is deregistered');
  ok($s->until(6, sub { !$s->node('pending') }), 'and leaves the list after the set time');
  my $short = $s->registration_token(ttl => '1s');
  sleep 1.1;
  my $r = $s->post('/v1/nodes/register', { token => $short, name => 'late' }, token => undef);
  is($r->{status}, 401, 'an expired token is refused');
  like($r->{json}{error}{message}, qr/expired/, 'with the reason');
};

$s->start_node('alpha', flags => { capacity => 8, 'guard-deny' => '127.9.0.0/16',
  'link-backoff-banned' => '3s' });
$s->start_node('beta', flags => { region => 'eu-east' });
$s->wait_online('alpha', 'beta');

subtest 'settings' => sub {
  my ($code, $out, $err) = $s->cli('node', 'configure', 'alpha', 'capacity=3', 'logLevel=debug',
    'selfTest=1s', 'plugins.echo.delay=300ms', '-o', 'json');
  is($code, 0, 'set from the command line') or diag $err;
  is(decode_json($out)->{config}{version}, 1, 'version 1');
  ok(node_becomes('alpha', sub { $_[0]{config}{acknowledged} == 1 }), 'acknowledged');
  ok(node_becomes('alpha', sub { $_[0]{live}{capacity} == 3 }), 'the capacity is in force');
  my $took = time;
  is(one('alpha')->{status}, 'finished', 'a measurement');
  cmp_ok(time - $took, '>', 0.3, 'took the delay of the plugin option that was set');
  is($s->patch('/v1/nodes/alpha/config', { capacity => 10_000 })->{status}, 200, 'more than the owner');
  ok(node_becomes('alpha', sub { $_[0]{config}{acknowledged} == 2 }), 'acknowledged');
  ok(node_becomes('alpha', sub { $_[0]{live}{capacity} == 8 }), "the owner's own limit wins");
  is($s->patch('/v1/nodes/beta/config', { plugins => { dns => { query => { type => 'AAAA' } } } })
    ->{status}, 200, 'an option in a group');
  is($s->patch('/v1/nodes/alpha/config', $_)->{status}, 400, encode_json($_) . ' is refused')
    for { colour => 1 }, { capacity => -1 }, { plugins => { nosuch => {} } },
    { plugins => { echo => { nosuch => 1 } } }, { plugins => { dns => { query => { type => 'nosuch' } } } }, { plugins => { echo => { delay => 'soon' } } };
  is($s->patch('/v1/nodes/alpha/config', { plugins => undef, beat => '500ms' })->{json}{config}{settings}
    {plugins}, undef, 'null takes a setting away');
  ok(node_becomes('alpha', sub { $_[0]{config}{acknowledged} == 3 }), 'acknowledged');
  $s->kill('alpha', 'KILL');
  $s->patch('/v1/nodes/alpha/config', { capacity => 5 });
  $s->kill('controller', 'KILL');
  $s->start_node('alpha', flags => { capacity => 8, 'guard-deny' => '127.9.0.0/16',
    'link-backoff-banned' => '3s' });
  sleep 0.5;
  $s->start_controller('--deregistered', '2s', '--latitude', '50.11', '--longitude', '8.68');
  $s->wait_online('alpha', 'beta');
  ok(node_becomes('alpha', sub { $_[0]{config}{acknowledged} == 4 && $_[0]{live}{capacity} == 5 }),
    'what was set while it was away comes when it is back');
  is($s->get("/v1/nodes/alpha")->{json}{config}{version}, 4, 'the version outlives the controller');
  my ($rc) = $s->cli('node', 'sync', 'alpha');
  is($rc, 0, 'sync');
  $s->patch('/v1/nodes/alpha/config', { capacity => 0 });
};

subtest "the owner's own limits" => sub {
  my $m = $s->measure({ type => 'ping', target => '127.9.0.1', locations => [ { node => 'alpha' } ] });
  is($m->{results}[0]{result}{failure}, 'guard', 'a target that the owner denies is refused there');
};

subtest 'key rotation' => sub {
  my $file = "$s->{dir}/alpha/node.key";
  copy($file, "$s->{dir}/old.key");
  my ($code) = $s->cli('node', 'rotate-key', 'alpha');
  is($code, 0, 'asked');
  ok(node_becomes('alpha', sub { $_[0]{key}{kept} }), 'the node has kept the new key');
  my $read = sub { open my $f, '<', $_[0] or die; local $/; return <$f> };
  isnt($read->($file), $read->("$s->{dir}/old.key"), 'in its file');
  is($s->node('alpha')->{status}, 'online', 'the connection stays');
  $s->kill('alpha', 'KILL');
  $s->start_node('alpha', flags => { 'link-backoff-banned' => '3s' });
  ok(node_becomes('alpha', sub { $_[0]{status} eq 'online' && !$_[0]{key}{rotating} }),
    'it comes back with the new key, and the rotation is over');
  $s->kill('alpha', 'KILL');
  copy($file, "$s->{dir}/new.key");
  copy("$s->{dir}/old.key", $file);
  $s->start_node('alpha');
  ok($s->until(10, sub { $s->log('alpha') =~ /closed with 4401/ }), 'the old key is refused now');
  $s->kill('alpha', 'KILL');
  copy("$s->{dir}/new.key", $file);
  chmod 0600, $file;
  $s->start_node('alpha', flags => { 'link-backoff-banned' => '3s', capacity => 8 });
  $s->wait_online('alpha');
  is($s->post('/v1/nodes/alpha/rotate-key', {})->{status}, 200, 'rotated again');
  ok(node_becomes('alpha', sub { $_[0]{key}{kept} }), 'kept');
  copy("$s->{dir}/new.key", $file);
  $s->kill('alpha', 'KILL');
  $s->start_node('alpha', flags => { 'link-backoff-banned' => '3s', capacity => 8 });
  ok(has_status('alpha', 'online'), 'until the new key is used the old one is good');
};

subtest 'drain' => sub {
  my $slow = $s->post('/v1/measurements', { type => 'echo', target => 'slow',
    locations => [ { node => 'alpha' } ], measurementOptions => { delay => '1500ms' } })->{json}{id};
  $s->until(5, sub { ($s->node('alpha')->{live}{active} || 0) > 0 });
  my ($code, $out) = $s->cli('node', 'drain', 'alpha');
  is($code, 0, 'drained');
  is($s->post('/v1/measurements', { type => 'echo', target => 'x',
    locations => [ { node => 'alpha' } ] })->{status}, 422, 'no new tasks');
  is($s->finished($slow)->{results}[0]{result}{status}, 'finished', 'what ran is finished');
  ok(node_becomes('alpha', sub { $_[0]{drained} }), 'drained is shown');
  like(($s->cli('node', 'ls'))[1], qr/^NAME.*\bNOTE\b.*^alpha\b.* drained /ms, 'in sonde node ls');
  like(($s->cli('node', 'show', 'alpha'))[1], qr/^note: drained$/m, 'and in sonde node show');
  $s->cli('node', 'undrain', 'alpha');
  is($s->node('alpha')->{note}, '', 'not after that');
  is(one('alpha')->{results}[0]{result}{status}, 'finished', 'and back');
};

subtest 'log, runner' => sub {
  my ($code, $out) = $s->cli('node', 'logs', 'alpha', '--lines', '5');
  is($code, 0, 'log');
  like($out, qr/connected to/, 'its last lines');
  cmp_ok(scalar(() = $out =~ /\n/g), '<=', 5, 'no more than asked');
  my ($before) = $s->children('alpha');
  is(($s->cli('node', 'restart-runner', 'alpha'))[0], 0, 'restart of the runner');
  ok($s->until(5, sub { my ($now) = $s->children('alpha'); $now && $now != $before }), 'another runner');
  is(one('alpha')->{results}[0]{result}{status}, 'finished', 'works');
  my $first = $s->get('/v1/nodes/alpha/logs?lines=1000')->{json};
  is_deeply($s->get("/v1/nodes/alpha/logs?after=$first->{next}")->{json}{lines}, [], 'nothing new');
  $s->post('/v1/nodes/alpha/restart-runner', {});
  my $more = $s->get("/v1/nodes/alpha/logs?after=$first->{next}")->{json};
  like(join("\n", @{ $more->{lines} }), qr/restarted as the controller asked/, 'only what is new');
};

subtest 'self-test and uplink' => sub {
  my ($dark, $light) = (Sonde::free_port(), $s->{port});
  $s->start_node('gamma', flags => { 'uplink-targets' =>
    "127.0.0.1:$dark,127.0.0.1:$light,127.0.0.1:$light", 'self-test-every' => '300ms' });
  $s->wait_online('gamma');
  ok(node_becomes('gamma', sub { $_[0]{uplink} eq 'up' }), 'two of three answer: up');
  my $t = $s->node('gamma')->{selfTest};
  ok(ref $t->{$_} && defined $t->{$_}{ok} && length($t->{$_}{why}) + $t->{$_}{ok}, "$_: "
    . ($t->{$_}{ok} ? 'ok' : 'no') . " $t->{$_}{why}") for qw(icmp ipv6 dns clock uplink);
  $s->kill('gamma', 'KILL');
  $s->start_node('gamma', flags => { 'uplink-targets' =>
    "127.0.0.1:$dark,127.0.0.1:$dark,127.0.0.1:$light", 'self-test-every' => '300ms' });
  ok(node_becomes('gamma', sub { $_[0]{uplink} eq 'down' }), 'one of three: down');
  like($s->node('gamma')->{selfTest}{uplink}{why}, qr/1 of 3/, 'with the reason');
  like(($s->cli('node', 'show', 'gamma'))[1], qr/uplink: down.*1 of 3 targets answer/s, 'sonde node show');
  is(($s->cli('node', 'self-test', 'gamma'))[0], 0, 'self-test on demand');
  my $all = $s->measure({ type => 'echo', target => 'x', limit => 10 });
  is_deeply([ sort map { $_->{probe}{name} // $_->{probe}{nodeName} // '' } @{ $all->{results} } ],
    [ 'alpha', 'beta' ], 'a node without an uplink is not chosen') or diag encode_json($all);
  like(($s->cli('measurement', 'explain', $all->{id}))[1], qr/Left out:.*1 by uplink.*^gamma +uplink\b/ms, 'sonde measurement explain says why');
  is(one('gamma')->{results}[0]{result}{status}, 'finished', 'but by its name');
  $s->kill('gamma', 'TERM');
  $s->start_node('gamma', flags => { 'uplink-targets' => "127.0.0.1:$light", 'self-test-every' => '300ms' });
  ok(node_becomes('gamma', sub { $_[0]{uplink} eq 'up' }), 'up again');
  is(scalar @{ $s->measure({ type => 'echo', target => 'x', limit => 10 })->{results} }, 3, 'it is chosen again');
  $s->kill('gamma', 'TERM');
};

subtest 'a place that cannot be' => sub {
  is($s->node('beta')->{locationBy}, 'node', 'the node said where it is');
  $s->patch('/v1/nodes/beta', { latitude => -33.87, longitude => 151.21, city => 'Sydney' });
  ok(node_becomes('beta', sub { ($_[0]{locationProblem} // '') =~ /farther than light/ }, 20),
    'a millisecond away from Frankfurt, and in Sydney: flagged') or diag encode_json($s->node('beta'));
  is($s->node('beta')->{locationBy}, 'operator', "the operator's word");
  $s->patch('/v1/nodes/beta', { latitude => 50.1, longitude => 8.6, tier => 'gold' });
  is($s->node('beta')->{locationProblem}, undef, 'a possible place is not');
  is($s->node('beta')->{tier}, 'gold', 'tier');
};

subtest 'ban' => sub {
  my $t0 = time;
  my ($code) = $s->cli('node', 'ban', 'alpha', '--reason', 'abuse of port 25', '--for', '4s');
  is($code, 0, 'banned');
  my $n = $s->node('alpha');
  is($n->{status}, 'banned', 'status');
  is($s->get('/v1/stats')->{json}{nodes}{banned}, 1, 'counted by /v1/stats');
  is($n->{ban}{reason}, 'abuse of port 25', 'reason');
  ok($n->{ban}{until}, 'expiry');
  ok($s->until(2, sub { $s->log('alpha') =~ /closed with 4403: Banned until .*abuse of port 25/ }),
    'the connection is closed within two seconds, with the reason');
  diag sprintf 'closed after %.2f s', time - $t0;
  like($s->log('alpha'), qr/trying again in [12] s/, 'the node waits long');
  ok(has_status('alpha', 'online', 15), 'after the expiry it comes back by itself');
  cmp_ok(time - $t0, '>', 4, 'not before');
};

subtest 'revoke' => sub {
  $s->start_node('delta');
  $s->wait_online('delta');
  my $t0 = time;
  is(($s->cli('node', 'rm', 'delta'))[0], 0, 'removed');
  ok($s->until(2, sub { $s->log('delta') =~ /closed with 4401: The node was removed/ }),
    'the connection is closed within two seconds');
  diag sprintf 'closed after %.2f s', time - $t0;
  $s->kill('delta', 'KILL');
  ok(!$s->node('delta'), 'not listed');
  # One that does not answer the close.
  my $open = sub { ($s->get('/metrics')->{content} =~ /^sonde_node_connections (\d+)/m)[0] };
  $s->start_node('deaf');
  $s->wait_online('deaf');
  my $before = $open->();
  CORE::kill 'STOP', $s->{pids}{deaf};
  $t0 = time;
  $s->delete('/v1/nodes/deaf');
  ok($s->until(2, sub { $open->() < $before }), 'also that of a node that hears nothing');
  diag sprintf 'closed after %.2f s', time - $t0;
  CORE::kill 'CONT', $s->{pids}{deaf};
  $s->kill('deaf', 'KILL');
};

subtest 'stale, offline, disabled' => sub {
  CORE::kill 'STOP', $s->{pids}{beta};
  ok(has_status('beta', 'stale'), 'no heartbeats: stale');
  ok(has_status('beta', 'offline', 15), 'then offline');
  CORE::kill 'CONT', $s->{pids}{beta};
  ok(has_status('beta', 'online'), 'back');
  $s->cli('node', 'disable', 'beta');
  is($s->node('beta')->{status}, 'disabled', 'disabled');
  $s->cli('node', 'enable', 'beta');
  is($s->node('beta')->{status}, 'online', 'enabled');
};

subtest 'local API' => sub {
  my $port = Sonde::free_port();
  $s->start_node('local', flags => { 'api-listen' => "127.0.0.1:$port" });
  $s->wait_online('local');
  one('local');
  my $http = HTTP::Tiny->new(timeout => 5);
  my $get = sub { $http->get("http://127.0.0.1:$port$_[0]") };
  is($get->('/health')->{status}, 200, '/health');
  my $status = decode_json($get->('/v1/status')->{content});
  is($status->{link}{up}, JSON::PP::true, '/v1/status: the link is up');
  is($status->{name}, 'local', 'who it is');
  unlike($get->('/v1/status')->{content}, qr/node_[A-Za-z0-9_-]{20}/, 'no key in it');
  like($get->('/metrics')->{content}, qr/^sonde_node_tasks_done_total 1$/m, '/metrics');
  $s->kill('controller', 'KILL');
  my $down = $s->until(10, sub { !decode_json($get->('/v1/status')->{content})->{link}{up} });
  ok($down, 'it tells that the controller is away');
  my $results = decode_json($get->('/v1/results?limit=5')->{content});
  is(scalar @$results, 1, '/v1/results without a controller');
  is($results->[0]{failure}, undef, 'a good one');
  is($get->('/v1/results?limit=x')->{status}, 400, 'a bad limit');
  is($get->('/nosuch')->{status}, 404, 'no such path');
  is($http->get("http://127.0.0.1:$port/v1/results", { headers => { origin => 'http://evil.example' } })
    ->{status}, 403, 'nothing for the page of somebody else');
  my ($bad) = (system("$ENV{top_builddir}/sonde-node", '--api-listen', '0.0.0.0:1', '--state',
    "$s->{dir}/bad") >> 8);
  is($bad, 2, 'it listens on loopback only');
  $s->kill('local', 'TERM');
};

subtest 'version floor' => sub {
  $s->start_controller('--node-version-min', '99.1');
  ok($s->until(10, sub { $s->log('beta') =~ /closed with 4426: Version \S+ is too old: at least 99\.1/ }),
    'a node too old is told so');
  like($s->log('beta'), qr/trying again in \d{3} s/, 'and goes on trying, slowly');
  ok(node_becomes('beta', sub { ($_[0]{refused} // '') =~ /too old/ }), 'the operator sees it');
  $s->kill('controller', 'TERM');
  $s->kill('beta', 'KILL');
  $s->start_controller('--node-version-newest', '99.1');
  $s->start_node('beta', flags => { region => 'eu-east' });
  $s->wait_online('beta');
  is($s->node('beta')->{updateAvailable}, '99.1', 'an update is shown');
  ok($s->until(5, sub { $s->log('beta') =~ /version 99\.1 of sonde-node is there/ }), 'and told to the node');
};
done_testing;
