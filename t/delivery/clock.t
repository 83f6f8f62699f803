#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Clocks that are set while everything runs, an hour and ten years, forth and back, at the controller
# and at a node, each alone: no lease ends early or never, no duration is negative, no schedule runs in
# a burst, no node looks offline, and nothing that is stored goes. Needs a build with --enable-faults.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

plan skip_all => 'not built with --enable-faults' unless $ENV{SONDE_FAULTS};
my $s = Sonde->new;
my %clocks = map { $_ => "$s->{dir}/$_.clock" } qw(controller node-a);
my $hour = 3_600_000;
my $decade = 3652 * 24 * $hour;

sub set_clock {
  my ($who, $wrong_by) = @_;
  open my $f, -e $clocks{$who} ? '+<' : '>', $clocks{$who} or die $!;
  syswrite $f, pack('q', $wrong_by);
  close $f;
}

sub with_clock {
  my ($who, $start) = @_;
  local $ENV{SONDE_CLOCK_FILE} = $clocks{$who};
  $start->();
}

set_clock($_, 0) for keys %clocks;
with_clock('controller', sub { $s->start_controller });
with_clock('node-a', sub { $s->start_node('node-a') });
$s->start_node('node-b');
$s->wait_online('node-a', 'node-b');

sub ask {
  my ($node, $delay, $timeout) = @_;
  my $r = $s->post('/v1/measurements', { type => 'echo', target => 'x', timeout => $timeout,
    locations => [ { node => $node } ], measurementOptions => { delay => $delay } });
  die "not accepted: $r->{status} $r->{content}" if $r->{status} != 202;
  return $r->{json}{id};
}

sub running {
  my ($node) = @_;
  return $s->until(20, sub { ($s->node($node)->{live}{active} // 0) > 0 });
}

# Runs of the schedule that were stored. Those counted by the controller, whatever its clock says.
sub runs {
  my ($runs) = $s->get('/metrics')->{content} =~ /^sonde_schedule_runs_total (\d+)$/m;
  return $runs;
}

my $first = ask('node-a', '0ms', 10);
is($s->finished($first)->{results}[0]{result}{status}, 'finished', 'a result before all that');
my $made = $s->post('/v1/schedules', { name => 'each', type => 'echo', target => 'x', interval => '1s',
  nodes => [ 'node-a', 'node-b' ] });
is($made->{status}, 201, 'a schedule of a second') or diag $made->{content};
ok($s->until(30, sub { runs() >= 4 }), 'it runs');

my @asked = ($first);
sub jump {
  my ($who, $wrong_by, $name) = @_;
  my @long = map { ask($_, '1500ms', 10) } qw(node-a node-b);
  running($_) for qw(node-a node-b);
  my ($runs, $start) = (runs(), clock_gettime(CLOCK_MONOTONIC));
  set_clock($who, $wrong_by);
  my %seen;
  my $over = $s->until(30, sub {
    $seen{ $_->{status} }++ for @{ $s->get('/v1/nodes')->{json} || [] };
    return runs() >= $runs + 6 && 2 == grep { $s->get("/v1/measurements/$_")->{json}{status} eq 'finished' } @long;
  });
  ok($over, "$who $name: what ran ends, schedules go on") or diag runs() - $runs, encode_json([ map { $s->get("/v1/measurements/$_")->{json} } @long ]);
  my ($more, $took) = (runs() - $runs, clock_gettime(CLOCK_MONOTONIC) - $start);
  # Two nodes, one run a second each; one catch-up each, and what was on its way.
  cmp_ok($more, '<=', 2 * (int($took) + 1) + 2 + 2, sprintf '... without a burst: %d runs in %.1f s', $more, $took);
  ok(!$seen{offline}, '... no node looked offline') or diag encode_json(\%seen);
  for my $id (@long) {
    my $r = $s->get("/v1/measurements/$id")->{json}{results}[0]{result};
    is($r->{status}, 'finished', '... the lease held') or diag encode_json($r);
  }
  my $ms = $s->node('node-a')->{live}{rttMs};
  ok($ms >= 0 && $ms < 60_000, "... round trip $ms ms");
  push @asked, @long;
}

for my $who (qw(controller node-a)) {
  for my $case ([ $hour, 'an hour forth' ], [ 0, 'an hour back' ], [ -$hour, 'an hour too early' ],
    [ 0, 'right again' ], [ $decade, 'ten years forth' ], [ 0, 'ten years back' ],
    [ -$decade, 'ten years too early' ], [ 0, 'right again' ]) {
    jump($who, @$case);
  }
}

is(scalar(grep { $_->{kind} eq 'schedule.missed' } @{ $s->get('/v1/events')->{json} }), 0,
  'no schedule was told to be silent');
like($s->log('controller'), qr/nothing is deleted by age for a day: the clock was set forward/,
  'what is stored is kept until somebody could look at the clock');

# A lease ends by the time that passes, also when the clock was just set back.
CORE::kill('STOP', $s->{pids}{'node-b'});
my $stuck = ask('node-b', '0ms', 2);
set_clock('controller', -$decade);
my $m = $s->finished($stuck, 60);
is($m->{status}, 'finished', 'a lease ends though the clock went back ten years');
isnt($m->{results}[0]{result}{failure} // 'none', 'none', '... as node_lost') or diag encode_json($m);
set_clock('controller', 0);
CORE::kill('CONT', $s->{pids}{'node-b'});
ok($s->until(60, sub { $s->node('node-b')->{status} eq 'online' }), 'the node is back');

# An operator's clock is ten years ahead when the controller starts: that is no reason to forget.
$s->kill('controller', 'TERM');
set_clock('controller', $decade);
with_clock('controller', sub { $s->start_controller });
ok($s->until(30, sub { $s->log('controller') =~ /nothing is deleted by age for a day: by this clock the/ }),
  'started ten years ahead: nothing is deleted by age');
ok($s->until(60, sub { 2 == grep { $_->{status} eq 'online' } @{ $s->get('/v1/nodes')->{json} } }), 'the nodes are back');
$s->finished(ask('node-a', '0ms', 10));
set_clock('controller', 0);
$s->finished(ask('node-a', '0ms', 10));

my @negative;
for my $id (@asked) {
  my $m = $s->get("/v1/measurements/$id")->{json};
  push @negative, $id unless $m && $m->{status} eq 'finished';
  push @negative, encode_json($_) for grep { ($_->{result}{durationMs} // 0) < 0 } @{ $m->{results} || [] };
}
is(scalar @negative, 0, @asked . ' measurements: all there, none took less than no time') or diag @negative;
done_testing;
