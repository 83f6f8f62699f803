#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Who runs a schedule is the policy's to say (assign, peers), and the reason is kept. And a type that
# only nodes have: its schedules go on when the controller comes back alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir);
use Sonde;
use File::Copy qw(copy);
use File::Path qw(make_path);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $src = $ENV{top_srcdir} || '.';
my $s = Sonde->new;
$s->{policies} = "$s->{dir}/policies";
make_path($s->{policies});
copy($_, $s->{policies}) for glob "$src/policies/*.lua";
open my $f, '>', "$s->{policies}/hub.lua" or die $!;
print $f <<'LUA';
return {
  api = 1,
  summary = "everything at one node",
  params = { node = { type = "string", default = "node-eu", max = 64, help = "its name" } },
  pick = function(req, set) return lb.first(set, req.want) end,
  assign = function(req, set, view)
    return lb.equal(set, view.name, req.params.node), "the hub is " .. req.params.node
  end,
  peers = function(req, set, view)
    local hub, out = lb.equal(set, view.name, req.params.node), {}
    for _, node in ipairs(lb.without(set, hub)) do out[node] = hub end
    return out, "to the hub " .. req.params.node
  end,
}
LUA
close $f;

# The nodes have one plugin that the controller's directory lacks.
my $theirs = "$s->{dir}/theirs";
make_path($theirs);
Sonde::link_or_copy($_, $theirs . '/' . (m{([^/]+)$})[0]) for glob "$s->{plugins}/*.so";
Sonde::link_or_copy(builddir() . '/t/e2e/shift/1/.libs/shift.so', "$theirs/shift.so");
$s->start_controller;
my @names = map { "node-$_" } qw(eu us ap);
sub start { my ($name) = @_; $s->start_node($name, flags => { region => substr($name, 5), plugins => $theirs }) }
start($_) for @names;
$s->wait_online(@names);

sub schedule { return $s->get("/v1/schedules/$_[0]")->{json} }
sub active   { return grep { $_->{role} ne 'former' } @{ schedule($_[0])->{members} } }
sub received {
  my ($name, $at_least) = @_;
  return $s->until(20, sub { schedule($name)->{received} >= $at_least });
}
my %echo = (type => 'echo', target => 'x', interval => '1s');

# ---- assign ----
my $r = $s->post('/v1/schedules', { %echo, name => 'one', policy => 'hub',
  policyParams => { node => 'node-us' } });
is($r->{status}, 201, 'a schedule with a policy and its parameters') or diag $r->{content};
is(join(' ', map { $_->{name} } active('one')), 'node-us', 'its assign chooses, not its pick');
like((active('one'))[0]{reason}, qr/the hub is node-us/, 'and says why');
like(($s->cli('schedule', 'show', 'one'))[1], qr/^node-us .*the hub is node-us/m, 'which is shown');
ok(received('one', 2), 'it runs');
is($s->patch('/v1/schedules/one', { policyParams => { node => 'node-ap' } })->{status}, 200, 'changed');
is(join(' ', map { $_->{name} } active('one')), 'node-ap', 'a change of the parameters moves it');
is($s->patch('/v1/schedules/one', { interval => '2s' })->{status}, 200, 'another interval');
is(join(' ', map { $_->{name} } active('one')), 'node-ap', 'moves nothing');
$r = $s->post('/v1/schedules', { %echo, name => 'bad', policy => 'hub', policyParams => { nod => 1 } });
is($r->{status}, 400, 'an unknown parameter of the policy');
ok(exists $r->{json}{error}{params}{policyParams}, 'by its path') or diag $r->{content};

# ---- peers ----
my %mesh = (type => 'ping', targets => 'nodes', interval => '2s', measurementOptions => { packets => 1 });
$r = $s->post('/v1/schedules', { %mesh, name => 'star', policy => 'hub' });
is($r->{status}, 201, 'a mesh by a policy') or diag $r->{content};
sub pairs { return join ' ', sort map { my $m = $_; map { "$m->{name}>$_->{name}" } @{ $m->{peers} } } active($_[0]) }
is(pairs('star'), 'node-ap>node-eu node-us>node-eu', 'its peers chooses');
is(scalar active('star'), 3, 'the hub takes part');
like($_->{reason}, qr/hub: 2 pairs of 3 nodes/, "$_->{name}: and says so") for active('star');
like(($s->cli('schedule', 'show', 'star'))[1], qr/^node-ap .*hub: 2 pairs of 3 nodes/m, 'which is shown');
ok(received('star', 4), 'and it runs');
$s->patch('/v1/schedules/star', { policy => 'mesh_random', policyParams => { degree => 1 } });
is(scalar(split / /, pairs('star')), 3, 'mesh_random: one peer each');
$s->patch('/v1/schedules/star', { policy => 'mesh_full', policyParams => { half => JSON::PP::true } });
is(scalar(split / /, pairs('star')), 3, 'mesh_full: each pair from one side');
$s->patch('/v1/schedules/star', { policy => 'least_load', policyParams => undef });
is(scalar(split / /, pairs('star')), 6, 'a policy without peers: the built-in mesh');
like((active('star'))[0]{reason}, qr/^built-in mesh of 3 nodes, 2 peers each: ./, 'with the reason');
$s->delete("/v1/schedules/$_") for qw(one star);

# ---- a type that only the nodes have ----
is($s->post('/v1/schedules', { name => 'far', type => 'shift', target => 'x', interval => '1s',
  nodes => [ 'node-eu' ] })->{status}, 201, 'a schedule of a type that the controller learned');
ok(received('far', 3), 'it runs');
$s->kill('controller', 'KILL');
$s->kill('node-us', 'KILL');
$s->kill('node-ap', 'KILL');
kill 'STOP', $s->{pids}{'node-eu'};
$s->start_controller;
my $far = schedule('far');
ok(!$far->{problem}, 'the controller comes back before any node: nothing is wrong') or diag $far->{problem};
is($s->post('/v1/schedules/far/pause')->{status}, 200, 'it can be paused');
is($s->post('/v1/schedules/far/resume')->{status}, 200, 'and resumed');
is($s->patch('/v1/schedules/far', { target => 'other' })->{status}, 400, 'what it measures needs the type');
$s->kill('controller', 'KILL');
$s->start_controller;
kill 'CONT', $s->{pids}{'node-eu'};
$s->wait_online('node-eu');
my $had = schedule('far')->{received};
ok(received('far', $had + 3), 'the node goes on');
my ($m) = active('far');
my $one = $s->get("/v1/measurements/$m->{lastRun}")->{json};
is($one->{results}[0]{result}{status}, 'finished', 'and measures') or diag encode_json($one);
unlike($s->log('controller'), qr/a schedule cannot run/, 'it was never unusable');
done_testing;
