#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The main job: three nodes enrol, a measurement is placed on all, results come back and stay.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use IO::Socket::INET;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
my @names = $s->start_nodes(qw(eu us ap));
is(scalar @{ $s->get('/v1/probes')->{json} }, 3, 'three probes are listed');

my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die $!;
my $port = $listener->sockport;
my $m = $s->measure({ type => 'tcp', target => '127.0.0.1', limit => 3,
  measurementOptions => { port => $port } });
is($m->{status}, 'finished', 'the measurement finishes');
is(scalar @{ $m->{results} }, 3, 'one result a node');
is_deeply([ sort map { $_->{probe}{region} } @{ $m->{results} } ], [qw(ap eu us)],
  'each region once');
is($_->{result}{status}, 'finished', "$_->{probe}{name} connected") for @{ $m->{results} };
cmp_ok($m->{results}[0]{result}{stats}{avg}, '>', 0, 'with a round trip time');

my $e = $s->measure({ type => 'echo', target => 'hello', locations => [ { magic => 'us' } ] });
is($e->{results}[0]{probe}{region}, 'us', 'a location is a filter');
is($e->{results}[0]{result}{status}, 'finished', 'echo answers');

my $r = $s->get("/v1/measurements/$e->{id}");
my $etag = $r->{headers}{etag};
like($etag, qr{^W/"[0-9a-f]+-[0-9a-f]{16}"$}, 'a weak ETag');
is($s->get("/v1/measurements/$e->{id}", headers => { 'if-none-match' => $etag })->{status}, 304,
  'and 304 for it');

is($s->post('/v1/measurements', { type => 'echo', target => 'x',
  locations => [ { region => 'africa' } ] })->{status}, 422, 'a region without nodes: none');
$s->patch('/v1/nodes/node-ap', { region => 'europe' });
my $near = $s->measure({ type => 'echo', target => 'x', locations => [ { region => 'africa' } ],
  policy => 'regional' });
is($near->{results}[0]{probe}{region}, 'europe', 'the regional policy lets a neighbour stand in');
like($near->{placement}{reason}, qr/1 in its neighbours/, 'and says so');
$s->patch('/v1/nodes/node-ap', { region => 'ap' });

my $again = $s->measure({ type => 'echo', target => 'again', locations => $e->{id} });
is($again->{results}[0]{probe}{id}, $e->{results}[0]{probe}{id}, 'the same node by an earlier id');

my @ids = map { $_->{id} } @{ $s->post('/v1/measurements',
  [ map { { type => 'echo', target => "t$_", limit => 3 } } 1 .. 50 ])->{json} };
is(scalar @ids, 50, 'a batch of fifty');
is(scalar(grep { $s->finished($_)->{status} eq 'finished' } @ids), 50, 'all finish');

my $text = $s->get('/metrics')->{content};
like($text, qr/^sonde_results_stored_total 1\d\d$/m, 'metrics count the results');
like($text, qr/^sonde_nodes\{status="online"\} 3$/m, 'and the nodes');

my $node = $s->node('node-eu');
is($s->patch("/v1/nodes/$node->{id}", { enabled => JSON::PP::false })->{json}{status}, 'disabled',
  'a node is disabled');
is($s->post('/v1/measurements', { type => 'echo', target => 'x',
  locations => [ { region => 'eu' } ] })->{status}, 422, 'and gets nothing');
is($s->patch("/v1/nodes/$node->{id}", { enabled => JSON::PP::true, priority => 90 })
  ->{json}{priority}, 90, 'enabled again with a priority');
is($s->post('/v1/measurements', { type => 'echo', target => 'x',
  locations => [ { region => 'eu' } ] })->{status}, 202, 'and works');

$s->kill('node-ap', 'TERM');
ok($s->until(10, sub { $s->node('node-ap')->{status} eq 'deregistered' }), 'SIGTERM says goodbye');
is($s->delete("/v1/nodes/$node->{id}")->{status}, 204, 'a node is removed');
ok(!$s->node('node-eu'), 'and gone from the list');
done_testing;
