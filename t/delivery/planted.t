#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Is the checker honest? Ten bugs are planted, one at a time; under kills and a full spool it must
# object to each, and to nothing without one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use Test::More;
use Time::HiRes qw(sleep);

my $bld = $ENV{top_builddir} || '.';
plan skip_all => 'not built with --enable-faults' unless $ENV{SONDE_FAULTS};

my @bugs = (
  'none',
  'an ack leaves before the commit',
  'a repeated result is stored again',
  'one more is acknowledged than is stored',
  'the node forgets what it has sent, not what is acknowledged',
  'a seq is used again after a restart',
  'a loss is not declared',
  'the marks are not stored',
  'the welcome claims one more than is stored',
  'a result that nobody asked for counts',
  'the spool says it is durable and wrote nothing',
);

sub run {
  my ($bug) = @_;
  local $ENV{SONDE_BUG} = $bug;
  my $d = Delivery->new(nodes => 2, rate => 1500, flags => [ '-m', 400_000 ]);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  for (1 .. 4) {
    sleep 0.25;
    $s->kill('controller', 'KILL');
    sleep 0.1;
    $s->start_controller;
    sleep 0.3;
    $s->kill('fleet', 'KILL');
    $d->start_fleet;
  }
  $s->kill('controller', 'KILL');
  sleep 2.5; # longer than the spool can hold
  $s->start_controller;
  my $drained = $d->drain(15);
  my @wrong = $d->check;
  push @wrong, 'it is never done' unless $drained;
  my ($quarantined) = $s->get('/metrics')->{content} =~ /^sonde_results_quarantined_total (\d+)$/m;
  push @wrong, "$quarantined results contradict stored ones" if $quarantined;
  return @wrong;
}

for my $bug (0 .. $#bugs) {
  my @wrong = run($bug);
  my $said = @wrong ? ": $wrong[0]" : '';
  is(@wrong ? 1 : 0, $bug ? 1 : 0, "$bugs[$bug]$said") or diag join "\n", @wrong[0 .. 5];
}
done_testing;
