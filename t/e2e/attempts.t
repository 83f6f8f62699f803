#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Attempts: a node without room is asked again later and none is spent; what an earlier life of the
# controller gave is neither given anew nor lost.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use FakeNode;
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(time);

my $plugins = '{"plugins":[{"name":"ping","version":"1"}]}';
my $body = '{"rawOutput":"one","stats":{"total":1,"rcv":1,"drop":0,"loss":0}}';

sub fake {
  my ($s, $name, %o) = @_;
  my $n = FakeNode->new($s, $name);
  return up($s, $n, %o);
}

sub up {
  my ($s, $n, %o) = @_;
  $n->connect->hello($plugins, %o);
  is($n->wait_for('welcome', 20)->{t}, 'welcome', "$n->{name} is welcome");
  return $n;
}

sub order {
  my ($s, %o) = @_;
  my $r = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', %o });
  is($r->{status}, 202, 'accepted') or diag $r->{content};
  return $r->{json}{id};
}

sub accept_task {
  my ($n, $task, $failure) = @_;
  $n->say(encode_json({ t => 'accept', items => [ { m => $task->{m}, i => $task->{i}, a => $task->{a},
    $failure ? (failure => $failure) : () } ] }));
}

# The tasks that come to these nodes within so many seconds, each as [ NODE, TASK ]; ends at `count`.
# The nodes beat meanwhile.
sub given {
  my ($seconds, $count, @nodes) = @_;
  my ($end, @got) = (time + $seconds);
  while (time < $end && @got < $count) {
    for my $n (@nodes) {
      $n->beat;
      my $m = $n->next(0.1) or next;
      push @got, map { [ $n, $_ ] } @{ $m->{items} } if ($m->{t} // '') eq 'tasks';
    }
  }
  return @got;
}

subtest 'no room' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my $n = fake($s, 'full', capacity => 2);
  my @ids = map { order($s, locations => [ { magic => 'eu' } ]) } 1 .. 3;
  my @got = given(10, 2, $n);
  is(scalar @got, 2, 'as many as it said that it can take');
  accept_task($n, $got[0][1]);
  my $held = $got[1][1];
  for (1 .. 4) {
    accept_task($n, $held, 'overload');
    my @again = given(10, 1, $n);
    is_deeply([ map { "$_->[1]{m} $_->[1]{a}" } @again ], [ "$held->{m} 1" ], 'the same comes again, as the same attempt')
      or last;
  }
  my $m = $s->get("/v1/measurements/$held->{m}")->{json};
  is($m->{status}, 'in-progress', 'it has not ended');
  accept_task($n, $held);
  # Its place was kept: the third waits for one of the two.
  $n->results(map { $n->result($body, $_) } $got[0][1], $held);
  my @last = given(10, 1, $n);
  is($last[0][1]{m}, $ids[2], 'then the third');
  accept_task($n, $last[0][1]);
  $n->results($n->result($body, $last[0][1]));
  for my $id (@ids) {
    my $m = $s->finished($id, 20);
    is($m->{results}[0]{result}{status}, 'finished', 'finished') or diag encode_json($m);
    is($m->{results}[0]{result}{attempt}, 1, 'at the first attempt');
  }
};

subtest 'another has room' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my ($n, $o) = (fake($s, 'one'), fake($s, 'two'));
  my $id = order($s);
  my ($first) = given(10, 1, $n, $o);
  accept_task($first->[0], $first->[1], 'overload');
  my ($second) = given(10, 1, $n, $o);
  isnt($second->[0]{name}, $first->[0]{name}, 'it goes there');
  is($second->[1]{a}, 2, 'as the second attempt');
  accept_task($second->[0], $second->[1]);
  $second->[0]->results($second->[0]->result($body, $second->[1]));
  is($s->finished($id, 20)->{results}[0]{result}{attempt}, 2, 'and finishes');
};

subtest 'of an earlier life' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my $n = fake($s, 'only');
  my $id = order($s, locations => [ { magic => 'eu' } ]);
  my ($first) = given(10, 1, $n);
  accept_task($n, $first->[1], 'plugin_missing');
  my ($second) = given(10, 1, $n);
  is($second->[1]{a}, 2, 'a second attempt');
  accept_task($n, $second->[1]);
  $s->kill('controller', 'KILL');
  $s->start_controller;
  up($s, $n);
  my ($anew) = given(10, 1, $n);
  is($anew->[1]{a}, 1, 'attempts begin again');
  $n->results($n->result($body, $second->[1]));
  my $m = $s->finished($id, 20);
  is($m->{results}[0]{result}{status}, 'finished', 'the result of the second attempt counts') or diag encode_json($m);
  is($m->{results}[0]{result}{attempt}, 2, 'and says which it was');
};

subtest 'of an earlier life, at another node' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my ($n, $o) = (fake($s, 'one'), fake($s, 'two'));
  my $id = order($s);
  my ($first) = given(10, 1, $n, $o);
  accept_task($first->[0], $first->[1], 'plugin_missing');
  my ($second) = given(10, 1, $n, $o);
  isnt($second->[0]{name}, $first->[0]{name}, 'the second attempt goes to the other node');
  accept_task($second->[0], $second->[1]);
  $s->kill('controller', 'KILL');
  $s->start_controller;
  up($s, $_) for $n, $o;
  my ($anew) = given(10, 1, $n, $o);
  is_deeply([ $anew->[0]{name}, $anew->[1]{a} ], [ $first->[0]{name}, 1 ], 'attempts begin again, as planned');
  $second->[0]->results($second->[0]->result($body, $second->[1]));
  ok($s->until(20, sub { ($s->get('/metrics')->{content} =~ /^sonde_results_late_total (\d+)/m)[0] }),
    'what nobody knows to have been asked is kept, and does not count');
  accept_task($anew->[0], $anew->[1], 'plugin_missing');
  my ($third) = given(10, 1, $n, $o);
  is($third->[1]{a}, 3, 'the number of an attempt that there was is not used again');
  accept_task($third->[0], $third->[1]);
  $third->[0]->results($third->[0]->result($body, $third->[1]));
  is($s->finished($id, 20)->{results}[0]{result}{attempt}, 3, 'and it finishes');
};

subtest 'a node that speaks of attempts that never were' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my ($n, $o) = (fake($s, 'one'), fake($s, 'two'));
  my $id = order($s);
  my ($first) = given(10, 1, $n, $o);
  my ($other) = grep { $_ != $first->[0] } $n, $o;
  $other->results(map { $other->result($body, { %{ $first->[1] }, a => $_ }) } 1000, 1001, 4294967295);
  ok($s->until(20, sub { ($s->get('/metrics')->{content} =~ /^sonde_results_late_total (\d+)/m)[0] == 3 }), 'none counts');
  accept_task($first->[0], $first->[1], 'plugin_missing');
  my ($second) = given(10, 1, $n, $o);
  accept_task($second->[0], $second->[1]);
  $second->[0]->results($second->[0]->result($body, $second->[1]));
  is($s->finished($id, 20)->{results}[0]{result}{status}, 'finished', 'the next attempt can be answered all the same');
};

# Nodes that refuse now and then, never run an attempt twice and send until it is acknowledged, as real ones
# do; measurements with and without a place; a controller that is killed. Nothing may end as timed out.
subtest 'refusals and kills' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  my $seed = $ENV{SONDE_SEED} || 1;
  srand $seed;
  my @nodes = map { { fake => fake($s, "n$_", capacity => 8), took => {}, unsent => [], sent => {} } } 1 .. 3;

  my $take = sub {
    my ($n, $task) = @_;
    my $roll = rand;
    if (!$n->{took}{"@$task{qw(m i a)}"}) {
      return accept_task($n->{fake}, $task, 'overload') if $roll < 0.3;
      return accept_task($n->{fake}, $task, 'plugin_missing') if $roll < 0.4;
      $n->{took}{"@$task{qw(m i a)}"} = 1;
      push @{ $n->{unsent} }, $task;
    }
    accept_task($n->{fake}, $task);
  };
  my $send = sub {
    my ($n) = @_;
    my $task = shift @{ $n->{unsent} };
    my $result = $n->{fake}->result($body, $task);
    $n->{sent}{ $n->{fake}{seq} } = $result;
    $n->{fake}->results($result);
  };
  my $hear = sub {
    my ($n) = @_;
    $n->{fake}->beat;
    while (my $m = $n->{fake}->next(0.01)) {
      return if !$m->{t};
      if ($m->{t} eq 'tasks') { $take->($n, $_) for @{ $m->{items} } }
      delete @{ $n->{sent} }{ grep { $_ <= $m->{seq} } keys %{ $n->{sent} } } if $m->{t} eq 'ack' && $m->{epoch};
    }
    $send->($n) while @{ $n->{unsent} } && rand() < 0.7;
  };
  my $again = sub {
    $s->kill('controller', 'KILL');
    $s->start_controller;
    for my $n (@nodes) {
      $n->{fake}->connect->hello($plugins, capacity => 8);
      my $welcome = $n->{fake}->wait_for('welcome', 20);
      my @missing = sort { $a <=> $b } grep { $_ > $welcome->{seq} } keys %{ $n->{sent} };
      $n->{fake}->results(@{ $n->{sent} }{@missing}) if @missing;
    }
  };

  my @ids;
  for my $round (1 .. 6) {
    for (1 .. 12) {
      my $r = $s->post('/v1/measurements', [ map { { type => 'ping', target => '127.0.0.1',
        rand() < 0.5 ? (locations => [ { magic => 'n' . (1 + int rand 3) } ]) : () } } 1 .. 3 ]);
      push @ids, map { $_->{id} } @{ $r->{json} };
      $hear->($_) for @nodes;
    }
    $again->();
  }
  my %end;
  my $left = sub {
    $hear->($_) for @nodes;
    my %open = map { $_ => 1 } @ids;
    for my $id (@ids) {
      my $m = $s->get("/v1/measurements/$id")->{json};
      next if $m->{status} ne 'finished';
      my $r = $m->{results}[0]{result};
      $end{ $r->{failure} // $r->{status} }++;
      delete $open{$id};
    }
    @ids = keys %open;
    return !@ids;
  };
  ok($s->until(60, $left), 'all end') or diag scalar @ids;
  diag join ' ', map { "$_:$end{$_}" } sort keys %end;
  is_deeply([ grep { !/^(?:finished|plugin_missing|node_lost)$/ } keys %end ], [], "with a result, or refused (seed $seed)");
  cmp_ok($end{finished}, '>', 180, 'most have one');
};
done_testing;
