#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Nothing lost, nothing twice: the invariants of delivery under kills, a full spool, a long absence of
# the controller, and a controller put back to an older state.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{SONDE_SEED} || time ^ $$;
srand $seed;
diag "seed $seed";
my $kills = $ENV{SONDE_KILLS} || 20;

sub well {
  my ($d, $what, %o) = @_;
  my @wrong = $d->check(%o);
  is(scalar @wrong, 0, "$what: " . $d->total . ' results, the invariants hold')
    or diag join "\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];
}

subtest 'the controller is killed again and again' => sub {
  my $d = Delivery->new;
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  for (1 .. $kills) {
    sleep 0.05 + rand 0.4;
    $s->kill('controller', 'KILL');
    $s->start_controller;
  }
  ok($d->drain, 'all is acknowledged in the end') or diag $s->log('fleet');
  well($d, "$kills kills", exact => 1);
  like($s->get('/metrics')->{content}, qr/^sonde_results_quarantined_total 0$/m, 'no contradiction');
};

subtest 'the nodes are killed again and again' => sub {
  my $d = Delivery->new(nodes => 3);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  for (1 .. $kills / 2) {
    sleep 0.1 + rand 0.4;
    $s->kill('fleet', 'KILL');
    $d->start_fleet;
  }
  ok($d->drain, 'all is acknowledged in the end');
  well($d, 'kills of nodes');
};

subtest 'new results go beside a backlog' => sub {
  my $d = Delivery->new(nodes => 2, rate => 4000);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  $s->kill('controller', 'TERM');
  sleep 6;
  my $back = time;
  $s->start_controller;
  sleep 2;
  ok($d->drain, 'drained');
  well($d, 'a backlog of six seconds', exact => 1);
  my @ages = sort { $a <=> $b } map { $_->{received} - $_->{at} }
    grep { $_->{at} && $_->{at} > 1000 * ($back + 1) } $d->stored;
  ok(@ages > 1000, 'results were made during the drain: ' . @ages);
  diag sprintf 'their age when stored: p50 %d ms, p95 %d ms', @ages[@ages / 2, @ages * 0.95];
};

subtest 'a full spool' => sub {
  my $d = Delivery->new(nodes => 2, rate => 2000, flags => [ '-m', 300_000 ]);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  sleep 0.5;
  $s->kill('controller', 'TERM');
  sleep 3;
  $s->start_controller;
  ok($d->drain, 'drained');
  well($d, 'what did not fit is declared', exact => 1);
  my ($lost) = $s->get('/metrics')->{content} =~ /^sonde_results_lost_total (\d+)$/m;
  cmp_ok($lost, '>', 1000, 'and the operator sees how many were lost');
  my @seen = map { $_->{live}{resultsLost} } @{ $s->get('/v1/nodes')->{json} };
  is($seen[0] + $seen[1], $lost, 'by node');
};

subtest 'a controller put back to an older state' => sub {
  my $d = Delivery->new(nodes => 2);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  sleep 1;
  $s->kill('controller', 'TERM');
  system('cp', '-a', "$s->{dir}/controller", "$s->{dir}/backup") == 0 or die 'cp';
  $s->start_controller;
  sleep 2;
  $s->kill('controller', 'TERM');
  system('rm', '-rf', "$s->{dir}/controller") == 0 or die 'rm';
  rename "$s->{dir}/backup", "$s->{dir}/controller" or die "rename: $!";
  $s->start_controller;
  sleep 1;
  ok($d->drain, 'drained');
  well($d, 'what was acknowledged after the backup was sent again', exact => 1);
};
done_testing;
