#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# kill -9 exactly at each edge of a result's way: in the node before and after each durable step, in the
# controller before and after the commit and the ack. Needs a build with --enable-faults.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'not built with --enable-faults' unless $ENV{SONDE_FAULTS};
my $kills = $ENV{SONDE_KILLS} || 20;
my @controller = qw(ingest.received store.before_commit store.committed ingest.before_ack
  ingest.acked);
my @node = qw(spool.before_write spool.before_sync spool.committed link.sent link.stored
  link.trimmed);

my $d = Delivery->new(nodes => 3, rate => 800);
my $s = $d->{sonde};

# True when the process died at its edge, and not because we lost patience.
sub died {
  my ($name) = @_;
  my $gone = $s->until(10, sub { waitpid($s->{pids}{$name}, 1) > 0 });
  delete $s->{pids}{$name} if $gone;
  $s->kill($name, 'KILL');
  return $gone;
}

sub armed {
  my ($edge, $start) = @_;
  local $ENV{SONDE_KILL_AT} = $edge . ':' . (1 + int rand 12);
  $start->();
}

srand($ENV{SONDE_SEED} || 1);
$s->start_controller;
$d->start_fleet;
my $round = 0;
while ($round < $kills) {
  for my $edge (@controller) {
    last if $round++ >= $kills;
    $s->kill('controller', 'KILL');
    armed($edge, sub { $s->spawn('controller', $s->controller_command) });
    ok(died('controller'), "the controller died at $edge");
    $s->start_controller;
  }
  for my $edge (@node) {
    last if $round++ >= $kills;
    $s->kill('fleet', 'KILL');
    armed($edge, sub { $d->spawn_fleet });
    ok(died('fleet'), "the nodes died at $edge");
    $d->start_fleet;
  }
}
ok($d->drain, 'all is acknowledged in the end');
my @wrong = $d->check(no_loss => 1);
is(scalar @wrong, 0, $d->total . ' results, the invariants hold')
  or diag join "\n", grep { defined } @wrong[0 .. 9];
done_testing;
