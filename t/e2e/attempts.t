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
done_testing;
