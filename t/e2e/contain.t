#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What a plugin does to a running node: the thirteen misbehaviours, the limits, the crash loop and the
# ways out, with tasks of other plugins beside it that must not notice. SONDE_ROUNDS repeats the quick
# ones.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(make_var);
use Sonde;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $rounds = $ENV{SONDE_ROUNDS} || 2;
my $asan   = make_var('SAN_CFLAGS') =~ /address/;
my $s      = Sonde->new;
$s->start_controller;
$s->start_node('node-a', flags => { capacity => 200 });
$s->wait_online('node-a');
my $node = $s->{pids}{'node-a'};

sub ask {
  my ($type, $options, %more) = @_;
  my $r = $s->post('/v1/measurements', { type => $type, target => 'x', timeout => 20,
    measurementOptions => $options, %more });
  die "not accepted: $r->{status} $r->{content}" if $r->{status} != 202;
  return $r->{json}{id};
}
sub result { return $s->finished($_[0], 40)->{results}[0]{result} }

sub processes { # state of each descendant by pid
  my %state;
  for my $pid ($s->children('node-a')) {
    open my $f, '<', "/proc/$pid/stat" or next;
    $state{$pid} = $1 if (<$f> // '') =~ /^\d+ \(.*\) (\S)/;
  }
  return \%state;
}

# Crashes are counted; a reload forgives them.
sub forgive {
  my ($rc, $out, $err) = $s->cli('plugin', 'reload');
  die "reload: $out$err" if $rc;
  $s->until(10, sub { keys %{ processes() } == 1 }) or die "runners stay";
}

# how => [ what becomes of it, does the runner go, rounds ]
my %ways = (
  crash => [ qr/crashed/, 1 ], divide => [ qr/crashed/, 1 ], abort => [ qr/crashed/, 1 ],
  exit  => [ qr/crashed/, 1 ], stack  => [ qr/crashed/, 1 ], close => [ qr/crashed/, 1 ],
  scribble => [ qr/crashed/, 1 ],
  spin  => [ qr/crashed/, 1, 1 ], hang => [ qr/crashed/, 1, 1 ], mask => [ qr/crashed/, 1, 1 ],
  fork  => [ qr/ok/, 0 ], files => [ qr/ok/, 0 ],
  leak  => [ qr/ok|crashed/, 0 ],
);
is(scalar keys %ways, 13, 'thirteen misbehaviours');

my ($runs, @slow) = (0);
for my $how (sort keys %ways) {
  my ($fate, $goes, $n) = @{ $ways{$how} };
  for my $round (1 .. $n // $rounds) {
    my $start = time;
    my ($before) = keys %{ processes() };
    my @beside = map { ask('echo', { delay => '400ms' }) } 1 .. 3;
    my $id = ask('faulty', { how => $how });
    my $r = result($id);
    my $got = $r->{status} eq 'finished' ? 'ok' : $r->{failure};
    my @hurt = grep { $_->{status} ne 'finished' } map { result($_) } @beside;
    my $began = time;
    my $after = result(ask('echo', {}));
    push @slow, time - $began;
    my ($now) = keys %{ processes() };
    ok($got =~ $fate && !@hurt && $after->{status} eq 'finished' && (!$goes || $now != $before),
      "$how, round $round: $got") or diag encode_json([ $r, \@hurt, $after, $before, $now ]);
    is($r->{made}, 0, '... and made no process') if $how eq 'fork';
    $runs++;
    note sprintf '%s took %.1f s', $how, time - $start if time - $start > 2;
    forgive() if $goes;
  }
}
my $left = processes();
is(scalar(grep { $_ eq 'Z' } values %$left), 0, 'no zombie');
is(scalar keys %$left, 1, 'no process but the one runner');
ok(kill(0, $node), "the node is the same process after $runs misbehaviours");
is($s->node('node-a')->{status}, 'online', 'and online');

# How soon a runner is there again: tasks are sent while there is none and wait for it.
my @again;
for (1 .. 3) {
  my ($pid) = keys %{ processes() };
  kill 'KILL', $pid;
  my $began = time;
  $s->until(5, sub { my $r = result(ask('echo', {})); $r->{status} eq 'finished' });
  push @again, time - $began;
}
my ($worst) = sort { $b <=> $a } @again;
note sprintf 'from SIGKILL of the runner to the result of the next task: %.0f ms at worst', 1000 * $worst;
cmp_ok($worst, '<', $asan ? 5 : 2, 'a new runner is there soon');

subtest 'limits' => sub {
  my $began = time;
  my $r = result(ask('faulty', { how => 'deaf' }, timeout => 2));
  is($r->{failure}, 'timeout', 'a plugin that does not end: the task ends');
  cmp_ok(time - $began, '<', 2 + 2 + ($asan ? 3 : 1), 'within its time and 2 s');
  $r = result(ask('faulty', { how => 'flood' }));
  is($r->{failure}, 'internal', 'a result of 64 MB is none');
  $r = result(ask('faulty', { how => 'garbage' }));
  is($r->{failure}, 'internal', 'nor is garbage');
  my ($pid) = keys %{ processes() };
  open my $f, '<', "/proc/$pid/limits" or die;
  my %limit = map { /^Max (.+?) {2,}(\S+)/ ? ($1 => $2) : () } <$f>;
  is($limit{'core file size'}, 0, 'no core files');
  cmp_ok($limit{'open files'}, '<=', 4096, 'descriptors are limited');
  cmp_ok($limit{'address space'}, '<=', 1 << 30, 'memory is limited') unless $asan;
};

subtest 'crash loop' => sub {
  for (1 .. 5) {
    is(result(ask('faulty', { how => 'crash' }))->{failure}, 'crashed', "crash $_");
  }
  my $try = sub { $s->post('/v1/measurements', { type => 'faulty', target => 'x' })->{status} };
  ok($s->until(5, sub { $try->() == 422 }), 'five within a minute: no node has the type any more');
  my ($row) = @{ $s->node('node-a')->{pluginsRefused} };
  is($row->{file}, 'faulty.so', 'the controller knows which');
  like($row->{why}, qr/^it crashed 5 times within a minute: disabled for \d+ s$/, 'and why');
  like($s->log('controller'), qr/node-a: faulty\.so: it crashed 5 times/, 'and logs it');
  like($s->log('node-a'), qr/plugin faulty crashed 5 times within a minute: disabled for 60 s/, 'and logged');
  is(result(ask('echo', {}))->{status}, 'finished', 'the others are not');
  forgive();
  is(result(ask('faulty', { how => 'ok' }))->{status}, 'finished', 'a reload gives it another chance');
};

subtest 'ways out' => sub {
  my ($spool) = glob "$s->{dir}/node-a/spool/*";
  ok(-f "$s->{dir}/node-a/node.key" && -f $spool, 'there is a key and a spool');
  my $r = result(ask('faulty', { how => 'escape', path => "$s->{dir}/node-a/node.key", spool => $spool }));
  cmp_ok(scalar @{ $r->{tried} }, '>=', 10, scalar(@{ $r->{tried} }) . ' are tried');
  my @open = @{ $r->{escaped} };
  @open = grep { !/^read|memory/ } @open if $s->log('node-a') =~ /no Landlock/;
  is_deeply(\@open, [], 'none is open');
};

subtest 'files that are no plugins' => sub {
  my $plugins = $s->{plugins};
  symlink "$plugins/echo.so", "$plugins/linked.so" or die;
  Sonde::link_or_copy("$plugins/echo.so", "$plugins/open.so");
  chmod 0777, "$plugins/open.so";
  Sonde::link_or_copy("$plugins/echo.so", "$plugins/other.so");
  my ($rc, $out) = $s->cli('plugin', 'reload');
  is($rc, 0, 'the others go on');
  like($out, qr/^node-a: linked\.so is left out: the file is a symbolic link$/m, 'a symbolic link');
  like($out, qr/^node-a: open\.so is left out: anybody may write to the file$/m, 'writable by all');
  like($out, qr/^node-a: other\.so is left out: it calls itself "echo", not as its file$/m, 'another name');
  unlink map { "$plugins/$_.so" } qw(linked open other);
};
done_testing;
