#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Rollups: what /v1/series says is what the results say, before they are written, after, and after the
# controller was killed at any moment.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller;
$s->start_nodes(qw(eu us));
my $sum = sub {
  my ($query) = @_;
  my $r = $s->get("/v1/series?$query");
  return { status => $r->{status} } if $r->{status} != 200;
  my %sum = (count => 0, failed => 0, unmeasured => 0, groups => scalar @{ $r->{json}{series} });
  for my $p (map { @{ $_->{points} } } @{ $r->{json}{series} }) {
    $sum{$_} += $p->{$_} for qw(count failed unmeasured);
  }
  $sum{json} = $r->{json};
  return \%sum;
};
my $until_count = sub { my ($q, $n) = @_; $s->until(15, sub { $sum->($q)->{count} >= $n }); $sum->($q) };

$s->measure({ type => 'ping', target => '127.0.0.1', limit => 2,
  measurementOptions => { packets => 2, interval => '10ms' } }) for 1 .. 5;
$s->measure({ type => 'tcp', target => '127.0.0.1', limit => 2, measurementOptions => { port => 1 } });
my $r = $until_count->('by=node,type', 12);
is($r->{count}, 12, 'every result is counted');
is($r->{groups}, 4, 'by node and type');
is($r->{json}{step}, '1m', 'by minutes where the time is short');
is($sum->('type=tcp')->{failed}, 2, 'refused: the target failed');
is($sum->('type=ping')->{count}, 10, 'by type');
is($sum->('type=ping&node=node-eu')->{count}, 5, 'by node');
is($sum->('region=us')->{count}, 6, 'by region');
is($sum->('target=127.0.0.2')->{count}, 0, 'by target');
my @points = map { @{ $_->{points} } } @{ $sum->('type=ping&step=1h')->{json}{series} };
for my $p (@points) {
  ok($p->{min} <= $p->{p50} * 1.04 && $p->{p50} <= $p->{p99} && $p->{p99} <= $p->{max} * 1.04,
    "min, median, p99 and max in order");
  is($p->{loss}, 0, 'no loss');
  cmp_ok(abs($p->{avg} - $p->{p50}), '<', $p->{max}, 'a mean');
}
for my $step (qw(1m 1h 1d)) {
  is($sum->("step=$step&since=" . (time - 86400) * 1000)->{count}, 12, "the same by $step");
}

subtest 'schedules are told apart' => sub {
  my %id;
  for my $name (qw(quick slow)) {
    my $r = $s->post('/v1/schedules', { name => $name, type => 'ping', target => '127.0.0.3', limit => 1,
      interval => '1s', measurementOptions => { packets => 1 } });
    is($r->{status}, 201, "schedule $name") or diag $r->{content};
    $id{$name} = $r->{json}{id};
  }
  $s->measure({ type => 'ping', target => '127.0.0.3', limit => 2, measurementOptions => { packets => 1 } });
  my $of = 'target=127.0.0.3';
  ok($s->until(90, sub { $sum->("$of&schedule=quick")->{count} >= 2 && $sum->("$of&schedule=slow")->{count} >= 2 &&
    $sum->("$of&schedule=none")->{count} == 2 }), 'each has its own results, and what was asked once too');
  is($s->post("/v1/schedules/$_/pause", {})->{status}, 200, "$_ is paused") for qw(quick slow);
  my $settled = sub {
    my %n = map { ($_ => $sum->("$of&schedule=$_")->{count}) } qw(quick slow none);
    return $n{quick} + $n{slow} + $n{none} == $sum->($of)->{count} && join ',', %n{qw(quick slow none)};
  };
  # What was on its way when they were paused still comes: twenty looks must see the same.
  my ($before, $same) = ('', 0);
  ok($s->until(60, sub { my $now = $settled->(); $same = $now && $now eq $before ? $same + 1 : 0; $before = $now;
    $same >= 20 }), 'together they are all there is');
  my $r = $s->get("/v1/series?$of&by=schedule")->{json}{series};
  is_deeply([ sort map { $_->{scheduleName} // 'once' } @$r ], [qw(once quick slow)], 'by schedule');
  is_deeply([ sort map { $_->{schedule} // '' } @$r ], [ sort '', values %id ], 'with their ids');
  is($sum->("$of&schedule=$id{slow}")->{count}, $sum->("$of&schedule=slow")->{count}, 'by id as by name');
  my $written = sub { $s->get('/v1/stats')->{json}{rollups} };
  ok($s->until(90, sub { my $w = $written->(); $w->{written} == $w->{folded} }), 'written') or diag explain $written->();
  is($settled->(), $before, 'the same from the store');
  is($s->delete("/v1/schedules/$_")->{status}, 204, "$_ is removed") for values %id;
  cmp_ok($sum->("$of&schedule=$id{slow}")->{count}, '>=', 2, 'one that is gone is still there by its id');
  is($sum->('schedule=nobody')->{status}, 400, 'one that never was');
};

subtest refused => sub {
  is($sum->($_)->{status}, 400, $_) for qw(step=2m by=colour since=x node=nobody),
    'since=2000000000000', 'step=1m&since=0';
};

subtest 'written and killed' => sub {
  ok($s->until(20, sub { $s->get('/v1/stats')->{json}{rollups}{written} >= 12 }), 'written');
  my $want = $sum->('')->{count};
  cmp_ok($want, '>', 12, 'all from the store');
  for my $round (1 .. 4) {
    my $ids = $s->post('/v1/measurements', [ map { { type => 'ping', target => '127.0.0.1',
      measurementOptions => { packets => 1 } } } 1 .. 20 ])->{json};
    $s->finished($_->{id}) for @$ids;
    $want += 20;
    select undef, undef, undef, 0.7 * $round;
    $s->kill('controller', 'KILL');
    $s->start_controller;
    $s->wait_online(qw(node-eu node-us));
    is($until_count->('', $want)->{count}, $want, 'none lost, none twice');
  }
  select undef, undef, undef, 1;
  is($sum->('')->{count}, $want, 'and it stays so');
  is($sum->('step=1d')->{count}, $want, 'by days too');
};
done_testing;
