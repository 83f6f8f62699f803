#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments: nothing that was promised is lost, nothing is stored twice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{SONDE_SEED} || time ^ $$;
srand $seed;
diag "seed $seed";
my $kills = $ENV{SONDE_KILLS} || 20;
my $s = Sonde->new;
$s->start_controller;
my @names = $s->start_nodes(qw(a b c));
my %promised;

sub submit_for {
  my ($seconds) = @_;
  my $end = time + $seconds;
  while (time < $end) {
    my $r = $s->post('/v1/measurements', { type => 'echo', target => 'n' . scalar(keys %promised),
      limit => 3, timeout => 30, measurementOptions => { delay => '20ms' } });
    $promised{ $r->{json}{id} } = 1 if $r->{status} == 202;
  }
}

for my $round (1 .. $kills) {
  my $pid = fork() // die;
  if (!$pid) { # the killer
    sleep 0.02 + rand 0.5;
    kill 'KILL', $s->{pids}{controller};
    POSIX::_exit(0);
  }
  submit_for(0.55);
  waitpid $pid, 0;
  $s->kill('controller', 'KILL');
  $s->start_controller;
}
cmp_ok(scalar keys %promised, '>', $kills, 'measurements were accepted: ' . keys %promised);
$s->wait_online(@names);
my @missing = grep { $s->get("/v1/measurements/$_")->{status} != 200 } keys %promised;
is(scalar @missing, 0, 'every accepted measurement is there');
my (@unfinished, @failed);
for my $id (keys %promised) {
  my $m = $s->finished($id, 60);
  push @unfinished, $id if $m->{status} ne 'finished';
  push @failed, map { "$id: " . encode_json($_->{result}) }
    grep { $_->{result}{status} ne 'finished' } @{ $m->{results} };
}
is(scalar @unfinished, 0, 'every one finishes');
is(scalar @failed, 0, 'with a good result from each node') or diag join "\n", @failed[0 .. 2];

# A node: what it had accepted comes back, nothing runs twice.
%promised = ();
for my $round (1 .. 5) {
  my $pid = fork() // die;
  if (!$pid) {
    sleep 0.05 + rand 0.4;
    kill 'KILL', $s->{pids}{'node-a'};
    POSIX::_exit(0);
  }
  submit_for(0.5);
  waitpid $pid, 0;
  $s->kill('node-a', 'KILL');
  $s->start_node('node-a');
  $s->wait_online('node-a');
}
@unfinished = grep { $s->finished($_, 60)->{status} ne 'finished' } keys %promised;
is(scalar @unfinished, 0, 'killed nodes: every measurement finishes');
my %why;
for my $id (keys %promised) {
  $why{ $_->{result}{failure} // 'ok' }++ for @{ $s->get("/v1/measurements/$id")->{json}{results} };
}
is_deeply([ grep { !/^(ok|crashed|node_lost|timeout)$/ } keys %why ], [], 'results are good, or say '
  . 'that the node was lost: ' . encode_json(\%why));

# Each result once: the store's own count equals what can be seen.
my ($stored) = $s->get('/metrics')->{content} =~ /^sonde_results_refused_total (\d+)/m;
is($stored, 0, 'no hole in any sequence');

# The runner, and a plugin that crashes it.
my $slow = $s->post('/v1/measurements', { type => 'echo', target => 'unharmed',
  locations => [ { node => 'node-b' } ], measurementOptions => { delay => '2s' } })->{json}{id};
my $crash = $s->post('/v1/measurements', { type => 'faulty', target => 'boom',
  locations => [ { node => 'node-b' } ], measurementOptions => { how => 'crash' } })->{json}{id};
is($s->finished($crash)->{results}[0]{result}{failure}, 'crashed', 'a plugin that crashes: crashed');
is($s->finished($slow)->{results}[0]{result}{status}, 'finished', 'the task beside it is unharmed');
my ($runner) = $s->children('node-c');
ok($runner, 'the node has a runner');
kill 'KILL', $runner;
ok($s->until(5, sub { my ($new) = $s->children('node-c'); $new && $new != $runner }),
  'a killed runner is replaced');
is($s->measure({ type => 'echo', target => 'x', locations => [ { node => 'node-c' } ] })
  ->{results}[0]{result}{status}, 'finished', 'and the new one works');
done_testing;
