#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What a plugin that misbehaves can do: end its runner at most, never get out of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin";
use File::Temp;
use RunnerDriver;
use Test::More;

my $dir = File::Temp->newdir;
my $log = "$dir/log";

sub faulty { my ($r, $how, %more) = @_; return $r->run('faulty', 'x', options => { how => $how, %more }) }

subtest 'ways that the runner survives' => sub {
  my $r = RunnerDriver->new(log => $log);
  my $o = faulty($r, 'garbage');
  is($o->{failure}, 'internal', 'garbage');
  like($o->{why}, qr/faulty wrote a broken result/, 'and says whose');
  $o = faulty($r, 'flood');
  is($o->{failure}, 'internal', 'a result that is too large');
  like($o->{why}, qr/too large/, 'and says so');
  like($o->{body}{rawOutput}, qr/output cut here/, 'rawOutput is cut');
  $o = faulty($r, 'fork');
  is($o->{body}{made}, 0, 'no process can be made');
  is(faulty($r, 'error')->{failure}, 'protocol', 'an error');
  is(faulty($r, 'ok')->{body}{how}, 'ok', 'it still works');
  is($r->quit, 0, 'and ends well');
};

for my $how (qw(crash divide abort stack close scribble)) {
  subtest "$how" => sub {
    my $r = RunnerDriver->new(log => $log);
    my ($sleeper) = $r->tasks(['echo', 'x', options => { delay => '1h' }, timeoutMs => 3600_000]);
    my ($n) = $r->tasks(['faulty', 'x', options => { how => $how }]);
    my $got = eval { $r->outcomes($n, $sleeper) };
    my $broken = $@;
    close $r->{fh};
    ok(!$got || !$got->{$sleeper}, 'no outcome is made up');
    isnt($r->wait, 'hangs', 'the runner is gone');
    ok($broken || !$got->{$n} || $how eq 'close', 'the stream ends or is visibly broken');
  };
}

subtest 'exit' => sub {
  my $r = RunnerDriver->new(log => $log);
  my ($n) = $r->tasks(['faulty', 'x', options => { how => 'exit' }]);
  ok(!$r->outcomes($n)->{$n}, 'no outcome');
  isnt($r->wait, 'hangs', 'the runner is gone');
};

for my $how (qw(spin hang mask)) {
  subtest "$how" => sub {
    my $r = RunnerDriver->new(log => $log);
    is_deeply([ map { $r->recv->{t} } 1, 2 ], [qw(types ready)], 'alive');
    $r->tasks(['faulty', 'x', options => { how => $how }, timeoutMs => 100]);
    # The sign of life stops: after at most one that was on its way, nothing.
    select undef, undef, undef, 2.5;
    $r->recv while IO::Select->new($r->{fh})->can_read(0);
    select undef, undef, undef, 2.5;
    ok(!IO::Select->new($r->{fh})->can_read(0), 'no sign of life');
    kill 'KILL', $r->{pid};
    is($r->wait, 128 + 9, 'SIGKILL ends it');
  };
}

subtest 'who is to blame' => sub {
  open my $page, '+>', "$dir/blame" or die;
  syswrite $page, "\0" x 4096;
  fcntl $page, Fcntl::F_SETFD(), 0;
  my $r = RunnerDriver->new(log => $log, args => ['--blame-fd', fileno $page]);
  $r->tasks(['echo', 'x', options => { delay => '1h' }, timeoutMs => 3600_000]);
  my ($n) = $r->tasks(['faulty', 'x', options => { how => 'crash' }]);
  $r->outcomes($n);
  $r->wait;
  open my $in, '<:raw', "$dir/blame" or die;
  read $in, my $bytes, 28;
  my (undef, $task, $attempt, $active) = unpack 'a16 L L L', $bytes;
  is($task, $n, 'the task that crashed');
  is($attempt, 1, 'its attempt');
  is($active, 1, 'its code was running');
};

# What a plugin must not get at, whatever it tries.
my @ways_out = ('read key', 'write key', 'read spool', 'inherited descriptor', "node's descriptor",
  "node's memory", 'new namespace', 'netlink socket', 'create file', 'read /etc/shadow', 'unix socket',
  'packet socket', 'raw socket', 'trace parent', 'signal parent', 'read environment', 'mount',
  'change user', 'run program', 'start process');

subtest 'ways out' => sub {
  for my $name (qw(key spool)) {
    open my $file, '>', "$dir/$name" or die;
    print $file "secret\n";
    close $file;
    chmod 0600, "$dir/$name";
  }
  my $r = RunnerDriver->new(log => $log);
  my $o = faulty($r, 'escape', path => "$dir/key", spool => "$dir/spool");
  is_deeply([ sort @{ $o->{body}{tried} // [] } ], [ sort @ways_out ], scalar(@ways_out) . ' are tried');
  my %open = map { $_ => 1 } @{ $o->{body}{escaped} // ['none told'] };
  my $no_landlock = House::slurp($log) =~ /no Landlock/;
  for my $way (@ways_out) {
    if ($no_landlock && $way =~ /^(read|node's memory)/) { pass("$way: not closed without Landlock"); next }
    ok(!$open{$way}, "$way: closed");
  }
  is($r->quit, 0, 'the runner is well');
};

subtest 'memory' => sub {
  plan skip_all => 'the address space is not limited under AddressSanitizer'
    if House::make_var('SAN_CFLAGS') =~ /address/;
  my $r = RunnerDriver->new(log => $log, args => ['--memory', 256]);
  my ($n) = $r->tasks(['faulty', 'x', options => { how => 'hog' }]);
  my $o = $r->outcomes($n)->{$n};
  my $peak = 0;
  if ($o && open my $status, '<', "/proc/$r->{pid}/status") {
    /^VmPeak:\s*(\d+)/ and $peak = $1 for <$status>;
  }
  cmp_ok($peak, '<=', 256 << 10, 'stays below its limit or ends');
  $r->kill_it;
};

subtest 'descriptors' => sub {
  my $r = RunnerDriver->new(log => $log, args => ['--nofile', 64, '--guard-allow', 'private']);
  my ($files, $tcp, $echo) = $r->tasks(['faulty', 'x', options => { how => 'files' }],
    ['tcp', '127.0.0.1'], ['echo', 'x']);
  my $got = $r->outcomes($files, $tcp, $echo);
  is($got->{$files}{body}{how}, 'ok', 'all descriptors used up');
  is($got->{$tcp}{failure}, 'overload', 'another probe says overload');
  is($got->{$echo}{body}{target}, 'x', 'one without a socket runs');
  my $m;
  for (1 .. 4) { $m = $r->recv; last if $m->{reason} }
  is($m->{reason}, 'a plugin leaks descriptors', 'and the runner asks for another in its place');
  is($r->quit, 0, 'for which it goes in good order');
};

done_testing;
