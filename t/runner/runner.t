#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The runner as a node sees it: tasks in, outcomes out, and how it ends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin";
use RunnerDriver;
use Test::More;

my $r = RunnerDriver->new;
my $said = $r->recv;
is($said->{t}, 'types', 'it says first what its plugins are');
is_deeply([ sort map { $_->{name} } @{ $said->{plugins}{plugins} } ], [qw(echo faulty tcp)], 'all of them');
is($r->recv->{t}, 'ready', 'and then that it is ready');

subtest 'a probe' => sub {
  my $o = $r->run('echo', "h\x{e9}llo \"x\"", options => { text => "a\nb" });
  is($o->{failure} // 'ok', 'ok', 'succeeds');
  is($o->{body}{target}, "h\x{e9}llo \"x\"", 'target comes back');
  is($o->{body}{text}, "a\nb", 'text comes back');
  is($o->{body}{rawOutput}, "h\x{e9}llo \"x\" a\nb\n", 'rawOutput');
  cmp_ok($o->{startedMs}, '>', 1.6e12, 'start time is a wall clock');
  cmp_ok($o->{tookUs}, '>=', 0, 'duration');
};

subtest 'refusals are outcomes' => sub {
  my $o = $r->run('nosuch', 'x');
  is($o->{failure}, 'plugin_missing', 'unknown type');
  $o = $r->run('echo', 'x', options => { txt => 'y' });
  is($o->{failure}, 'internal', 'unknown option');
  like($o->{why}, qr/^txt .*text/, 'with the path and a suggestion');
  $o = $r->run('tcp', '127.0.0.1', options => { port => 70000 });
  is($o->{failure}, 'internal', 'option out of range');
  like($o->{why}, qr/^port /, 'with the path');
  $o = $r->run('faulty', 'x', options => { how => 'nostart' });
  is($o->{failure}, 'internal', 'a probe that does not start');
};

subtest 'time' => sub {
  my $o = $r->run('echo', 'x', options => { delay => '10s' }, timeoutMs => 50);
  is($o->{failure}, 'timeout', 'a probe that ends when told to');
  cmp_ok($o->{tookUs}, '>=', 50_000, 'not before its time');
  $o = $r->run('faulty', 'x', options => { how => 'deaf' }, timeoutMs => 50);
  is($o->{failure}, 'timeout', 'a probe that does not');
  cmp_ok($o->{tookUs}, '>=', 1_050_000, 'has a second of grace');
  $o = $r->run('echo', 'x', options => { delay => 0.0002 });
  is($o->{failure} // 'ok', 'ok', 'delays below a millisecond');
  cmp_ok($o->{tookUs}, '>=', 200, 'are not cut to zero');
};

subtest 'cancel' => sub {
  my ($a, $b) = $r->tasks(['echo', 'x', options => { delay => '1h' }, timeoutMs => 3600_000],
    ['faulty', 'x', options => { how => 'delay', delay => '1ms' }]);
  is($r->outcomes($b)->{$b}{body}{how}, 'ok', 'the other runs on');
  $r->cancel($a, $b, 999);
  is($r->outcomes($a)->{$a}{failure}, 'cancelled', 'is cancelled');
};

subtest 'progress' => sub {
  my ($n) = $r->tasks(['tcp', '127.0.0.1', progress => JSON::PP::true, options => { port => 1 }]);
  my $o = $r->outcomes($n)->{$n};
  is($o->{failure}, 'guard', 'loopback is refused by default');
  ($n) = $r->tasks(['echo', 'x', progress => JSON::PP::true]);
  is($r->outcomes($n)->{$n}{body}{rawOutput}, "x\n", 'a probe that ends at once has nothing to tell');
};

subtest 'messages that are none' => sub {
  $r->send_bytes(pack('V', 5) . '{"t":');
  $r->send({ t => 'ack', epoch => 1, seq => 1, serverMs => 1 });
  $r->send({ t => 'tasks', items => [ { m => 'x' } ] });
  is($r->run('echo', 'x')->{body}{target}, 'x', 'are skipped');
};

subtest 'a thousand tasks' => sub {
  my @numbers;
  for (1 .. 4) {
    push @numbers, $r->tasks(map { ['echo', "t$_", options => { delay => '1ms' }] } 1 .. 250);
  }
  my $got = $r->outcomes(@numbers);
  is(scalar(keys %$got), 1000, 'have an outcome each');
  is($r->{doubled} // 0, 0, 'none has two');
  is((grep { ($_->{failure} // 'ok') eq 'ok' } values %$got), 1000, 'all succeed');
};

subtest 'quit drains' => sub {
  my ($a) = $r->tasks(['echo', 'late', options => { delay => '300ms' }]);
  $r->send({ t => 'quit' });
  my ($b) = $r->tasks(['echo', 'later']);
  my $got = $r->outcomes($a, $b);
  is($got->{$a}{body}{target}, 'late', 'what runs ends well');
  is($got->{$b}{failure}, 'overload', 'nothing new is taken');
  is($r->answer, undef, 'then the stream ends');
  is($r->wait, 0, 'with exit code 0');
};

subtest 'limits' => sub {
  my $few = RunnerDriver->new(args => ['--concurrency', 3]);
  my @numbers = $few->tasks(map { ['echo', "t$_", options => { delay => '200ms' }] } 1 .. 5);
  my $got = $few->outcomes(@numbers);
  is((grep { ($_->{failure} // '') eq 'overload' } values %$got), 2, 'over the limit: overload');
  my ($n, $task) = $few->task('echo', 'x', options => { delay => '100ms' });
  $few->send({ t => 'tasks', items => [ $task, $task ] });
  is($few->outcomes($n)->{$n}{body}{target}, 'x', 'the same task twice');
  is($few->run('echo', 'y')->{i}, $n + 1, 'runs once');
  kill 'TERM', $few->{pid};
  is($few->wait, 0, 'SIGTERM ends it');
};

subtest 'a slow reader' => sub {
  my $slow = RunnerDriver->new;
  my $text = 'x' x 4000;
  my @numbers;
  # More outcomes than socket and queue hold: the runner must wait, not grow or drop.
  my $pid = fork() // die;
  if (!$pid) {
    for my $round (0 .. 9) {
      $slow->{next} = 1 + $round * 100;
      last unless $slow->tasks(map { ['echo', $text, options => { text => $text }] } 1 .. 100);
    }
    POSIX::_exit(0);
  }
  select undef, undef, undef, 0.5;
  my $got = $slow->outcomes(1 .. 1000);
  waitpid $pid, 0;
  is(scalar(keys %$got), 1000, 'gets everything in the end');
  is($slow->quit, 0, 'and the runner ends');
};

subtest 'the node is gone' => sub {
  my $left = RunnerDriver->new;
  $left->tasks(['echo', 'x', options => { delay => '1h' }, timeoutMs => 3600_000]);
  $left->recv;
  shutdown $left->{fh}, 2;
  is($left->wait, 0, 'the runner ends');
};

subtest 'usage' => sub {
  my ($rc, $text) = House::capture(House::builddir() . '/sonde-runner', '--fdd', '3');
  is($rc, 2, 'a wrong option');
  like($text, qr/--fdd is not an option/, 'is named');
  ($rc) = House::capture(House::builddir() . '/sonde-runner');
  is($rc, 2, 'without a socket');
};

done_testing;
