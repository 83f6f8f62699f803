#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A policy that decides by what nodes have seen: of the target, of its network, after a restart too;
# and its decision is made again from what was recorded.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::Bin/../lib";
BEGIN { $ENV{$_} = abs_path($ENV{$_} || '.') for qw(top_srcdir top_builddir) }
use IO::Socket::INET;
use JSON::PP;
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
my @names = qw(node-a node-b node-c);
$s->start_node($_) for @names;
$s->wait_online($_) for @names;

# Nobody need accept: the kernel answers, at every address of the loopback.
my $port = Sonde::free_port();
my $listener = IO::Socket::INET->new(Listen => 128, LocalAddr => '0.0.0.0', LocalPort => $port) or die $!;
my %tcp = (type => 'tcp', measurementOptions => { port => $port, count => 1 });

sub from { # what one node sees
  my ($node, $target) = @_;
  return $s->measure({ %tcp, target => $target, locations => [ { node => $node } ] })
}
sub chosen {
  my ($target, %params) = @_;
  my $m = $s->measure({ %tcp, target => $target, limit => 1, policy => 'predictive',
    policyParams => { explore => 0, %params } });
  return ($m, map { $_->{probe}{name} } @{ $m->{results} });
}

my ($m, $who) = chosen('127.0.0.1');
like($m->{placement}{reason}, qr/no history/, 'nothing is known at first') or diag encode_json($m);

from('node-b', '127.0.0.9') for 1 .. 4;
($m, $who) = chosen('127.0.0.9');
is($who, 'node-b', 'the node that has seen the target');
is($m->{placement}{reason}, '1 of 3 known; 1 by history, 0 explored', 'because of that') or diag encode_json($m);
is($m->{placement}{fallback}, JSON::PP::false, 'by itself');
($m, $who) = chosen('127.0.0.77');
is($who, 'node-b', 'also for another address of that network');
($m, $who) = chosen('127.0.0.9', explore => 100);
isnt($who, 'node-b', 'exploring asks others');

# ---- replayed ----
($m) = chosen('127.0.0.9');
my $e = $s->get("/v1/measurements/$m->{id}/explain")->{json};
my ($b) = grep { $_->{name} eq 'node-b' } @{ $e->{steps}[0]{decision}{nodes} };
cmp_ok($b->{past_seen}, '>=', 4, 'the record holds what was known');
is($b->{past_ok}, 1, 'success');
cmp_ok($b->{past_rtt}, '>', 0, 'and time');
open my $f, '>', "$s->{dir}/record.json" or die $!;
print $f JSON::PP->new->canonical->encode($e) . "\n";
close $f or die $!;
my $report = decode_json(scalar
  qx($ENV{top_builddir}/sonde-policy simulate $ENV{top_srcdir}/policies/predictive.lua --params '{"explore":0}' --input $s->{dir}/record.json));
is_deeply([ @{$report}{qw(decisions changed skipped)} ], [ 1, 0, 0 ], 'the decision replays');

# ---- after a restart ----
sub metric { return $s->get('/metrics')->{content} =~ /^sonde_$_[0] (\S+)$/m ? $1 : 0 }
my $results = metric('results_stored_total');
cmp_ok($results, '>=', 8, 'all these results') or diag $s->get('/metrics')->{content};
ok($s->until(60, sub { metric('rollup_results_total') >= $results }), 'are in stored rollups');
$s->kill('controller', 'TERM');
$s->start_controller;
$s->wait_online($_) for @names;
($m, $who) = chosen('127.0.0.9');
is($who, 'node-b', 'the history outlives the controller');
cmp_ok(metric('past_results_total'), '>', 0, 'from the rollups');
done_testing;
