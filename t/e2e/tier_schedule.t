#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Schedules belong to who made them, within the limits of his tier; and they carry no secret.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my $bld = $ENV{top_builddir} || '.';
my $s = Sonde->new;
Sonde::link_or_copy("$bld/t/e2e/keeper/.libs/keeper.so", "$s->{plugins}/keeper.so");
$s->start_controller;
$s->start_nodes(qw(eu us));
$s->patch("/v1/nodes/node-$_", { trusted => JSON::PP::true }) for qw(eu us);
is($s->put('/v1/tiers/small', { interval => '30s', types => 'echo,keeper', nodes => 1, policy => 'diverse' })
  ->{status}, 200, 'a tier');
sub login {
  my ($name) = @_;
  return $s->post('/v1/auth/login', { name => $name, password => "secret of $name" }, token => undef)
    ->{json}{token};
}
my %id;
for my $name (qw(olga otto uma)) {
  my $r = $s->post('/v1/users', { name => $name, password => "secret of $name",
    role => $name eq 'uma' ? 'user' : 'operator', tier => 'small' });
  is($r->{status}, 201, "$name is made") or diag $r->{content};
  $id{$name} = $r->{json}{id};
}
my ($olga, $otto, $uma) = map { login($_) } qw(olga otto uma);

my %good = (name => 'mine', type => 'echo', target => 'x', interval => '30s');
for my $case (
  [ { %good, interval => '29s' }, 'interval' ],
  [ { %good, type => 'ping', target => '127.0.0.1' }, 'type' ],
  [ { %good, limit => 2 }, 'limit' ],
  [ { %good, nodes => [ 'node-eu', 'node-us' ] }, 'nodes' ],
) {
  my ($body, $path) = @$case;
  my $r = $s->post('/v1/schedules', $body, token => $olga);
  is($r->{status}, 400, "beyond the tier: $path");
  ok(exists $r->{json}{error}{params}{$path}, 'which is named') or diag $r->{content};
}
is($s->post('/v1/schedules', \%good, token => $uma)->{status}, 403, 'a user makes none');
my $r = $s->post('/v1/schedules', \%good, token => $olga);
is($r->{status}, 201, 'within the tier') or diag $r->{content};
is($r->{json}{owner}, $id{olga}, 'it has an owner');
is($r->{json}{policy}, 'diverse', 'and the policy of the tier');
is($s->post('/v1/schedules', { %good, name => 'cron', interval => undef, cron => '* * * * *' },
  token => $olga)->{status}, 201, 'every minute is not too often');
my $fast = $s->post('/v1/schedules', { %good, name => 'fast', interval => '1s', limit => 2 });
is($fast->{status}, 201, 'an administrator has no such limits');
is($fast->{json}{owner}, undef, 'and the admin token belongs to nobody');

is($s->patch('/v1/schedules/mine', { interval => '5s' }, token => $otto)->{status}, 400,
  'another operator has the limits of its owner');
is($s->patch('/v1/schedules/mine', { description => 'x' }, token => $otto)->{json}{owner}, $id{olga},
  'and does not become its owner');
is($s->put('/v1/tiers/small', { interval => '1h' })->{status}, 200, 'the tier gets tighter');
for my $case ([ '*/30 * * * *', 400 ], [ '0,10 5 * * *', 400 ], [ '0 * * * *', 201 ], [ '30 4 * * 1', 201 ]) {
  my ($cron, $status) = @$case;
  my $answer = $s->post('/v1/schedules', { %good, name => "cron $cron", interval => undef, cron => $cron },
    token => $olga);
  is($answer->{status}, $status, "cron $cron in a tier of one hour: $status") or diag $answer->{content};
  like($answer->{json}{error}{params}{cron}, qr/3600s/, 'and which') if $status == 400;
}
is($s->post('/v1/schedules/mine/pause', undef, token => $olga)->{status}, 200, 'what was made may be paused');
is($s->post('/v1/schedules/mine/resume', undef, token => $olga)->{status}, 200, 'and resumed');
is($s->patch('/v1/schedules/mine', { interval => '31s' }, token => $olga)->{status}, 400, 'not changed');
is($s->put('/v1/tiers/small', { interval => '1s', nodes => 1 })->{status}, 200, 'and wider');
is($s->patch('/v1/schedules/mine', { interval => '1s' }, token => $olga)->{status}, 200, 'then it may run');
is($s->patch('/v1/schedules/fast', { interval => '2s' }, token => $otto)->{status}, 400,
  'what belongs to nobody has the limits of who changes it');

my $run;
ok($s->until(60, sub {
  my ($m) = grep { $_->{lastRun} } @{ $s->get('/v1/schedules/mine')->{json}{members} };
  return $run = $m && $m->{lastRun};
}), 'it runs');
is($s->delete("/v1/measurements/$run", token => $uma)->{status}, 403, 'its runs are not those of a user');
is($s->post("/v1/measurements/$run/rerun", undef, token => $uma)->{status}, 403, 'who does not repeat them');

# ---- what all schedules of an account plan
is($s->put('/v1/tiers/plan', { interval => '1s', nodes => 9, planned => 240, perHour => 3 })->{status}, 200, 'a tier by plan');
is($s->post('/v1/users', { name => 'pia', password => 'secret of pia', role => 'operator', tier => 'plan' })->{status},
  201, 'pia is made');
my $pia = login('pia');
sub planned {
  my ($name, %o) = @_;
  my $a = $s->post('/v1/schedules', { name => "pia $name", type => 'echo', target => 'x', %o }, token => $pia);
  return $a->{status} == 400 ? join ' ', %{ $a->{json}{error}{params} } : $a->{status};
}
is(planned('first', interval => '60s', nodes => ['node-eu', 'node-us']), 201, '120 tests an hour');
is(planned('second', interval => '60s', paused => JSON::PP::true), 201, '60 more, though paused');
like(planned('third', interval => '30s'), qr/^interval .*plans 120 .*others? schedules 180: .*240/, '120 more are too many');
like(planned('cron', cron => '*/1 * * * *', limit => 2), qr/^cron /, 'by cron, too');
is(planned('third', interval => '60s'), 201, '60 are not');
like(planned('fourth', interval => '1h'), qr/^interval /, 'and that is all');
is($s->patch('/v1/schedules/pia%20first', { interval => '30s' }, token => $pia)->{status}, 400, 'nor by a change');
is($s->patch('/v1/schedules/pia%20first', { description => 'x' }, token => $pia)->{status}, 200,
  'its own share is not counted twice');
is($s->delete('/v1/schedules/pia%20second', token => $pia)->{status}, 204, 'one goes');
is(planned('fourth', interval => '60s'), 201, 'and makes room');

# ---- at one instant
is($s->delete("/v1/schedules/pia%20$_", token => $pia)->{status}, 204, "$_ goes") for qw(third fourth);
sub at_once {
  my @asked = map { $s->ask(POST => '/v1/schedules', { type => 'echo', target => 'x', interval => '60s', %$_ }, token => $pia) } @_;
  return join ' ', sort map { $s->answered($_) } @asked;
}
is(at_once(map { { name => 'pia same' } } 1 .. 8), '201 ' . join(' ', (409) x 7), 'one of eight gets the name');
is(scalar(grep { $_->{name} eq 'pia same' } @{ $s->get('/v1/schedules')->{json} }), 1, 'and is there');
is(at_once(map { { name => "pia $_" } } 1 .. 8), '201 ' . join(' ', (400) x 7), 'one of eight fits into the plan');
my $cost = $s->get('/v1/limits', token => $pia)->{json}{rateLimit}{measurements}{create};
is($cost->{remaining}, 3, 'runs take no points') or diag explain $cost;
is($s->post('/v1/schedules/pia%20same/run', undef, token => $pia)->{headers}{'x-ratelimit-consumed'}, 1,
  'one by hand does');

# ---- nodes that are for another tier
is($s->put('/v1/tiers/gold', { interval => '1s' })->{status}, 200, 'a better tier');
is($s->patch('/v1/nodes/node-us', { tier => 'gold' })->{status}, 200, 'a node is for it only');
is($s->put('/v1/tiers/small', { interval => '1s', nodes => 9 })->{status}, 200, 'olga may have more nodes');
$r = $s->post('/v1/schedules', { %good, name => 'named', nodes => ['node-us'] }, token => $olga);
is($r->{status}, 400, 'that one by name, not') or diag $r->{content};
like($r->{json}{error}{params}{nodes}, qr/not for the tier/, 'and why');
my %two = (%good, interval => '1s', locations => [ { country => 'DE', limit => 2 } ]);
is($s->post('/v1/schedules', { %two, name => 'chosen' }, token => $olga)->{status}, 201, 'two where there is one');
is($s->post('/v1/schedules', { %two, name => 'admins' })->{status}, 201, 'and the same by an administrator');
sub on { return join ' ', sort map { $_->{name} } grep { $_->{role} ne 'former' } @{ $s->get("/v1/schedules/$_[0]")->{json}{members} } }
ok($s->until(60, sub { ($s->get('/v1/schedules/chosen')->{json}{received} || 0) >= 3 }), 'it runs');
is(on('chosen'), 'node-eu', 'where it may');
is(on('admins'), 'node-eu node-us', 'the other everywhere');

# ---- secrets
my $word = 'a planted canary of schedules';
my $secret = { name => 'keeper', type => 'keeper', target => 'x', interval => '1h',
  measurementOptions => { auth => { word => $word } } };
$r = $s->post('/v1/schedules', $secret);
is($r->{status}, 201, 'a schedule with a secret') or diag $r->{content};
is($s->post('/v1/schedules', { %$secret, name => 'plain', measurementOptions => { hint => 'x' } })->{status}, 201,
  'one without');
$r = $s->patch('/v1/schedules/plain', { measurementOptions => { auth => { word => $word } } });
is($r->{status}, 200, 'is given one') or diag $r->{content};
is_deeply($r->{json}{secrets}, ['auth.word'], 'which is told, but not shown');

is($s->kill('controller', 'TERM'), 0, 'the controller stops');
my $found = 0;
for my $file (glob("$s->{dir}/controller/* $s->{dir}/controller/*/* $s->{dir}/controller.log")) {
  open my $f, '<:raw', $file or next;
  local $/;
  $found++ if (<$f> // '') =~ /\Q$word\E/;
}
is($found, 0, 'no file of the controller holds the secret');
$s->start_controller;
is($s->get('/v1/schedules/mine')->{json}{owner}, $id{olga}, 'the owner outlives a restart');
my ($plan) = grep { $_->{name} eq 'plan' } @{ $s->get('/v1/tiers')->{json} };
is($plan->{planned}, 240, 'and what schedules may plan');
done_testing;
