#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Is the checker honest? Ten bugs are planted, one at a time; under kills and a full spool it must
# object to each, and to nothing without one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use POSIX qw(WNOHANG);
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

# The controller dies at an edge of its own, not at a moment of ours.
sub die_at {
  my ($s, $edge) = @_;
  local $ENV{SONDE_KILL_AT} = "$edge:20";
  # It may be over before it could be asked whether it is ready.
  my $pid = $s->spawn('controller', $s->controller_command);
  $s->until(20, sub { waitpid($pid, WNOHANG) }) ? delete $s->{pids}{controller} : $s->kill('controller', 'KILL');
}

sub verdict {
  my ($d, $drained, %rules) = @_;
  my @wrong = $d->check(%rules);
  push @wrong, 'it is never done' unless $drained;
  my ($quarantined) = $d->{sonde}->get('/metrics')->{content} =~
    /^sonde_results_quarantined_total (\d+)$/m;
  push @wrong, "$quarantined results contradict stored ones" if $quarantined;
  return @wrong;
}

# Kills at the edges, and nodes that come back before their last results are committed.
sub kills {
  my $d = Delivery->new(nodes => 2, rate => 1500, flags => [ '-k', 0 ]);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  $s->kill('controller', 'KILL');
  die_at($s, $_) for qw(store.before_commit ingest.before_ack ingest.received);
  $s->start_controller;
  # What is sent now stays in the sockets of a controller that will never read it.
  sleep 0.3;
  CORE::kill 'STOP', $s->{pids}{controller};
  sleep 0.6;
  $s->kill('controller', 'KILL');
  $s->start_controller;
  for (1 .. 3) {
    sleep 0.3;
    CORE::kill 'STOP', $s->{pids}{controller};
    sleep 0.1;
    $s->kill('fleet', 'KILL');
    $d->start_fleet;
    CORE::kill 'CONT', $s->{pids}{controller};
  }
  return verdict($d, $d->drain(10), no_loss => 1);
}

sub full_spool {
  my $d = Delivery->new(nodes => 1, rate => 3000, flags => [ '-m', 300_000, '-k', 0 ]);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  $s->kill('controller', 'KILL');
  sleep 1.5;
  $s->start_controller;
  return verdict($d, $d->drain(10), exact => 1);
}

# A bug shows only when a kill falls on its moment: up to three rounds. Without one there is one round.
sub run {
  my ($bug) = @_;
  local $ENV{SONDE_BUG} = $bug;
  my @wrong;
  for (1 .. ($bug ? 3 : 1)) {
    @wrong = kills();
    @wrong = full_spool() if !@wrong;
    last if @wrong;
  }
  return @wrong;
}

for my $bug (0 .. $#bugs) {
  my @wrong = run($bug);
  my $said = @wrong ? ": $wrong[0]" : '';
  is(@wrong ? 1 : 0, $bug ? 1 : 0, "$bugs[$bug]$said") 
    or diag join "\n", grep { defined } @wrong[0 .. 5];
}
done_testing;
