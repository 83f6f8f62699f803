#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Schedules end to end: nodes run them by themselves, with and without a controller; every result
# once; silence, replacement, mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $s = Sonde->new;
$s->start_controller;
my @names = $s->start_nodes(qw(eu us ap));

sub schedule { return $s->get("/v1/schedules/$_[0]")->{json} }
sub active   { return grep { $_->{role} ne 'former' } @{ schedule($_[0])->{members} } }
sub member   { return (grep { $_->{name} eq $_[1] } @{ schedule($_[0])->{members} })[0] }

sub received {
  my ($name, $at_least, $seconds) = @_;
  return $s->until($seconds || 20, sub { schedule($name)->{received} >= $at_least });
}

# ---- what is refused ----
my %good = (name => 'bad', type => 'echo', target => 'x', interval => '10s');
for my $case (
  [ {}, 'name' ],
  [ { %good, interval => undef }, 'interval' ],
  [ { %good, cron => '* * * * *' }, 'interval' ],
  [ { %good, interval => undef, cron => '61 * * * *' }, 'cron' ],
  [ { %good, zone => 'Mars' }, 'zone' ],
  [ { %good, spread => '11s' }, 'spread' ],
  [ { %good, until => 'tomorrow' }, 'until' ],
  [ { %good, nodes => ['nobody'] }, 'nodes' ],
  [ { %good, targets => 'nodes' }, 'target' ],
  [ { %good, windows => [ { start => '2026-01-01T00:00:00Z' } ] }, 'windows[0]' ],
  [ { %good, type => 'nothing' }, 'type' ],
  [ { %good, measurementOptions => { nothing => 1 } }, 'measurementOptions.nothing' ],
  [ { %good, intervall => '1s' }, 'intervall' ],
) {
  my ($body, $path) = @$case;
  my $r = $s->post('/v1/schedules', $body);
  is($r->{status}, 400, "400 for $path");
  ok(exists $r->{json}{error}{params}{$path}, 'and its path is named') or diag $r->{content};
}
is($s->get('/v1/schedules/none')->{status}, 404, 'an unknown schedule');
is($s->request('GET', '/v1/schedules', undef, token => undef)->{status}, 401, 'admins only');

# ---- it runs ----
my $r = $s->post('/v1/schedules', { name => 'all', type => 'echo', target => 'hello', limit => 3,
  interval => '1s' });
is($r->{status}, 201, 'a schedule is made') or diag $r->{content};
my $id = $r->{json}{id};
is($s->post('/v1/schedules', { name => 'all', type => 'echo', target => 'x', interval => '1s' })
  ->{status}, 409, 'its name is taken');
is(scalar active('all'), 3, 'three nodes run it');
ok(received('all', 9), 'results come') or diag $s->log('node-eu');
my @phases = map { $_->{phaseS} } active('all');
is(scalar(keys %{ { map { $_ => 1 } @phases } }), 3, "each node has its own phase: @phases");
is($_->{synced}, JSON::PP::true, "$_->{name} has the set") for active('all');

# ---- the controller goes away, the nodes go on ----
my $before = schedule('all');
$s->kill('controller', 'KILL');
sleep 4;
$s->start_controller;
$s->wait_online(@names);
ok($s->until(15, sub { my $now = schedule('all'); $now->{received} >= $before->{received} + 15 }),
  'what was measured meanwhile is there') or diag encode_json(schedule('all'));

# A node is killed and started again while the controller is away: it runs from its own file.
$s->kill('controller', 'KILL');
$s->kill('node-us', 'KILL');
$s->start_node('node-us');
sleep 3;
$s->start_controller;
$s->wait_online(@names);
like($s->log('node-us'), qr/schedules go on/, 'a restarted node goes on from its own file');
sleep 1;

# ---- pause: then every run that was expected is there once ----
is($s->post("/v1/schedules/all/pause")->{json}{paused}, JSON::PP::true, 'paused');
sleep 2;
my $paused = schedule('all');
sleep 1.5;
is(schedule('all')->{received}, $paused->{received}, 'nothing is run while it is paused');
my ($gap) = member('all', 'node-us')->{missing};
cmp_ok($gap, '<=', 3, "node-us missed only what came due while it was dead: $gap");
for my $name (qw(node-eu node-ap)) {
  my $m = member('all', $name);
  is($m->{missing}, 0, "$name: nothing is missing of $m->{expected}");
  cmp_ok($m->{received}, '<=', $m->{expected} + 1, 'and nothing is there twice');
}
my $text = $s->get('/metrics')->{content};
like($text, qr/^sonde_results_refused_total 0$/m, 'no hole in any sequence');
my $run = member('all', 'node-eu');

# Due times lie exactly on the grid: whole intervals from 1970 and the phase, whenever they were run.
sub on_grid {
  my ($name, $seconds) = @_;
  my (%seen, @off);
  my $end = time + $seconds;
  while (time < $end) {
    for my $m (active($name)) {
      my ($s, $ms) = ($m->{lastDueAt} // '') =~ /:(\d\d)\.(\d\d\d)Z$/ or next;
      $seen{"$m->{name} $m->{lastDueAt}"} = 1;
      push @off, "$m->{name} $m->{lastDueAt}" if $ms != sprintf '%.0f', 1000 * $m->{phaseS};
    }
    sleep 0.2;
  }
  return (scalar(keys %seen), @off);
}

# A run is a measurement that nobody asked for; its id comes from schedule, node and due time.
my $due = $run->{lastDueAt};
my $one = $s->get("/v1/measurements/$run->{lastRun}")->{json};
is($one->{schedule}, $id, 'a run can be read by its id, and says its schedule');
is($one->{dueAt}, $due, 'and when it was due');
is($one->{createdAt}, $due, 'which its id says, too');
is($one->{results}[0]{result}{dueAt}, $due, 'so does its result');
is($one->{results}[0]{probe}{name}, 'node-eu', 'with its node');
is($one->{target}, 'hello', 'and its target');

# ---- a change reaches the nodes; run now ----
my $patched = $s->patch('/v1/schedules/all', { paused => undef, interval => '2s', target => 'other' });
is($patched->{status}, 200, 'changed') or diag $patched->{content};
is($patched->{json}{revision}, 3, 'with a new revision');
my $count = schedule('all')->{received};
ok(received('all', $count + 3), 'and it runs again');
$s->patch('/v1/schedules/all', { interval => '1s' });
sleep 2;
my ($times, @off) = on_grid('all', 10);
is("@off", '', 'no due time is off its grid in ten seconds');
cmp_ok($times, '>=', 27, "and none is left out: $times of 30");
$s->patch('/v1/schedules/all', { interval => "${_}s" }) && sleep 1.3 for 1, 3, 1, 2;
$s->post('/v1/schedules/all/pause');
sleep 2;
is(member('all', $_)->{missing}, 0, "$_: changes while it runs lose nothing") for qw(node-eu node-ap);
# Often and at any moment: what is due while a change is on its way counts once, too.
for my $i (1 .. 16) {
  $s->patch('/v1/schedules/all', { interval => '1s', target => "t$i", paused => $i % 4 ? undef : JSON::PP::true });
  sleep 0.31 + 0.07 * ($i % 5);
}
sleep 2;
for my $name (qw(node-eu node-ap)) {
  my $m = member('all', $name);
  is($m->{missing}, 0, "$name: sixteen changes lose nothing");
  is($m->{received}, $m->{expected}, 'and nothing is there that was not expected')
    or diag encode_json($m);
}
$s->post('/v1/schedules/all/resume');
my $now = $s->post('/v1/schedules/all/run');
is($now->{status}, 202, 'run now');
my $m = $s->finished($now->{json}{id});
is(scalar @{ $m->{results} }, 3, 'on its three nodes');
is($s->delete("/v1/schedules/$id")->{status}, 204, 'removed');
is($s->get("/v1/schedules/$id")->{status}, 404, 'and gone');
sleep 1;

# ---- explicit node; the node dies: three missed are told ----
is($s->post('/v1/schedules', { name => 'one', type => 'echo', target => 'x', nodes => ['node-ap'],
  interval => '1s', timeout => 1, grace => '2s' })->{status}, 201, 'on an explicit node');
ok(received('one', 2), 'it runs');
# ---- by location, with a short grace: another stands in, and hands back ----
is($s->post('/v1/schedules', { name => 'moving', type => 'echo', target => 'x', limit => 1,
  interval => '1s', grace => '2s' })->{status}, 201, 'one node of any');
my ($first) = active('moving');
ok(received('moving', 2), "it runs on $first->{name}");
$s->kill('node-ap', 'KILL');
$s->kill($first->{name}, 'KILL') if $first->{name} ne 'node-ap';
ok($s->until(15, sub { grep { $_->{role} eq 'stand-in' } active('moving') }),
  'another stands in for a lost node') or diag encode_json(schedule('moving'));
my ($other) = grep { $_->{role} eq 'stand-in' } active('moving');
like($other->{reason}, qr/^\Q$first->{name}\E has been away for \d+ s\.$/, "why: $other->{reason}");
my $had = schedule('moving')->{received};
ok(received('moving', $had + 3), 'and measures');
is(scalar(grep { $_->{role} eq 'stand-in' } active('one')), 0, 'explicit nodes have no stand-ins');
$s->start_node($first->{name});
$s->wait_online($first->{name});
is(scalar(grep { $_->{role} eq 'stand-in' } active('moving')), 1, 'it does not leave at once');
ok($s->until(15, sub { !grep { $_->{role} eq 'stand-in' } active('moving') }),
  'but when the first has stayed');
ok($s->until(30, sub { grep { $_->{kind} eq 'schedule.missed' && $_->{text} =~ /^one: 3 results/ }
  @{ $s->get('/v1/events?kind=schedule.missed')->{json} } }), 'three missed are told')
  or diag $s->get('/v1/events')->{content};
is(scalar(grep { $_->{text} =~ /^moving: \Q$other->{name}\E stands in for \Q$first->{name}\E/ }
  @{ $s->get('/v1/events?kind=schedule.replaced')->{json} }), 1, 'and one replacement');
$s->start_node('node-ap') if $first->{name} ne 'node-ap';
$s->wait_online(@names);
ok($s->until(40, sub { @{ $s->get('/v1/events?kind=schedule.recovered')->{json} } }),
  'and that it came back');
$s->delete("/v1/schedules/$_") for qw(one moving);

# ---- cron, windows ----
is($s->post('/v1/schedules', { name => 'shut', type => 'echo', target => 'x', interval => '1s',
  windows => [ { start => '2020-01-01T00:00:00Z', until => '2100-01-01T00:00:00Z' } ] })->{status},
  201, 'a maintenance window');
ok((active('shut'))[0]{nextDueAt} =~ /^2100-01-01T00:00:0/, 'nothing is due in it');
is($s->post('/v1/schedules', { name => 'nightly', type => 'echo', target => 'x',
  cron => '30 2 * * *', zone => '+02:00' })->{status}, 201, 'a cron expression');
like((active('nightly'))[0]{nextDueAt}, qr/T00:30:00.000Z$/, 'in its zone');
$s->delete("/v1/schedules/$_") for qw(shut nightly);

# ---- mesh ----
$r = $s->post('/v1/schedules', { name => 'mesh', type => 'ping', targets => 'nodes',
  interval => '2s', measurementOptions => { packets => 1 } });
is($r->{status}, 201, 'a mesh') or diag $r->{content};
is(scalar active('mesh'), 3, 'of three nodes');
is(scalar @{ $_->{peers} }, 2, "$_->{name} probes the two others") for active('mesh');
is((active('mesh'))[0]{peers}[0]{address}, '127.0.0.1', 'by the address they advertise');
ok(received('mesh', 12), 'and they do') or diag encode_json(schedule('mesh'));
my ($here, $there) = map { $_->{name} } active('mesh');
$s->patch("/v1/nodes/$here", { latitude => 50.11, longitude => 8.68 });
$s->patch("/v1/nodes/$there", { latitude => -33.87, longitude => 151.21 });
ok($s->until(30, sub { ($s->node($there)->{locationProblem} // '') =~ /farther from \Q$here\E than light/ }),
  'two that are too near for where they say they are') or diag encode_json($s->node($there));
like($s->node($there)->{note}, qr/impossible location/, 'noted');
$s->patch("/v1/nodes/$there", { latitude => 50.2, longitude => 8.7 });
is($s->node($there)->{locationProblem}, undef, 'until the place is corrected');
$s->patch('/v1/schedules/mesh', { targets => { nodes => { regions => [ 'eu', 'us' ] } } });
is(scalar active('mesh'), 2, 'filtered by region');
is(scalar @{ (active('mesh'))[0]{peers} }, 1, 'one peer each');
$s->delete('/v1/schedules/mesh');

# Bandwidth takes two nodes at a time: the controller books them, the runs are the schedule's.
is($s->post('/v1/schedules', { name => 'wide', type => 'bandwidth', target => 'node-eu',
  interval => '10s' })->{status}, 400, 'not at one target');
$r = $s->post('/v1/schedules', { name => 'wide', type => 'bandwidth', targets => 'nodes',
  interval => '3s', spread => '0s', timeout => 5,
  measurementOptions => { size => 200_000, port => Sonde::free_port() } });
is($r->{status}, 201, 'a mesh of bandwidth') or diag $r->{content};
ok(received('wide', 8, 30), 'every pair is measured') or diag encode_json(schedule('wide'));
my ($any) = grep { $_->{lastRun} } active('wide');
$m = $s->finished($any->{lastRun});
is($m->{schedule}, $r->{json}{id}, 'as a run of the schedule');
is($m->{results}[0]{result}{dueAt}, $m->{dueAt}, 'with its due time');
is($m->{results}[0]{result}{status}, 'finished', 'which worked') or diag encode_json($m);
$s->delete('/v1/schedules/wide');
done_testing;
